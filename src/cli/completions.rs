//! `osb completions`.

use clap_complete::env::Shells;

use super::complete::VARIABLE;
use super::{CommandError, Context, ErrorKind};

/// Print the completion script of a shell: `source <(osb completions bash)`
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// bash, elvish, fish, powershell or zsh
    pub shell: String,
}

pub(crate) fn run(args: CompletionsArgs, context: &mut Context) -> Result<(), CommandError> {
    let shells = Shells::builtins();
    let shell = shells.completer(&args.shell).ok_or_else(|| {
        let known: Vec<&str> = shells.names().collect();
        let sentence = format!("there are no completions for {}", args.shell);
        CommandError::say(ErrorKind::Usage, sentence)
            .with_hint(format!("there are some for {}", known.join(", ")))
    })?;
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "osb", "osb", "osb", &mut script)?;
    context.print_text(&String::from_utf8_lossy(&script))
}
