//! Questions to whoever sits at the terminal.

use std::io::{self, IsTerminal};

use super::Context;

/// Whether there is someone to ask.
pub(super) fn can_be_asked() -> bool {
    io::stdin().is_terminal()
}

/// Whether they say yes to it. All else is a no.
pub(super) fn agrees(what: &str, context: &Context) -> io::Result<bool> {
    // A question is asked of those who want it quiet, too.
    context.complain_in_full(&format!("{what}? [y/N]"));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}
