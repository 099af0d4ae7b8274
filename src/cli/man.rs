//! `osb man`.

use std::path::PathBuf;

use clap::CommandFactory;

use super::{Cli, CommandError, Context, ErrorKind};

/// Print the manual page, or write the pages of all commands into a folder
#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// An existing folder, such as ~/.local/share/man/man1
    pub folder: Option<PathBuf>,
}

pub(crate) fn run(args: ManArgs, context: &mut Context) -> Result<(), CommandError> {
    let command = Cli::command();
    let Some(folder) = args.folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        return context.print_text(&String::from_utf8_lossy(&page));
    };
    clap_mangen::generate_to(command, &folder).map_err(|error| {
        let sentence = format!(
            "cannot write manual pages into {}: {error}",
            folder.display()
        );
        CommandError::say(ErrorKind::Failed, sentence)
    })
}
