//! The program osb, as that which osb itself starts: daemons, name servers, agents.
//!
//! A program that uses the library is not osb, and is never started in its place: it would do anew what it does.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

static IS_OSB: AtomicBool = AtomicBool::new(false);

/// This process is the command `osb`, and understands its words.
pub fn note_is_osb() {
    IS_OSB.store(true, Ordering::Relaxed);
}

/// The file that this process is of, if it is osb.
///
/// # Errors
///
/// If it is another program.
pub fn own_osb() -> io::Result<PathBuf> {
    match IS_OSB.load(Ordering::Relaxed) {
        true => std::env::current_exe(),
        false => Err(not_osb()),
    }
}

/// Whether what runs here is osb.
///
/// # Errors
///
/// If it is another program.
pub fn assert_osb() -> io::Result<()> {
    own_osb().map(drop)
}

fn not_osb() -> io::Error {
    io::Error::other(
        "this program is not osb, and is not started in its place: bring systems up by osb::System, which starts the command osb",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_of_the_tests_is_not_osb() {
        let error = own_osb().unwrap_err().to_string();
        assert!(error.contains("osb::System"), "{error}");
        assert!(assert_osb().is_err());
    }
}
