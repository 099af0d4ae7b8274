//! The `osb` program: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    osb::cli::main(std::env::args_os())
}
