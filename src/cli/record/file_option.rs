//! `osb record -o run.mcap`: of this command alone `-o` may be a file, which is told from a form of output by its ending.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// The same command line, with `--file run.mcap` in the place of `-o run.mcap`.
pub(crate) fn of_file(mut arguments: Vec<OsString>) -> Vec<OsString> {
    if !arguments.iter().skip(1).any(|it| it == "record") {
        return arguments;
    }
    for at in 1..arguments.len() {
        let argument = arguments[at].clone();
        let next = arguments.get(at + 1).is_some_and(|it| is_file(it));
        if (argument == "-o" || argument == "--output") && next {
            arguments[at] = "--file".into();
        } else if let Some(file) = joined(&argument).filter(|it| is_file(it)) {
            let mut option = OsString::from("--file=");
            option.push(file);
            arguments[at] = option;
        }
    }
    arguments
}

fn is_file(text: &OsStr) -> bool {
    text.as_bytes().ends_with(b".mcap")
}

/// Behind `-o`, `-o=` or `--output=`.
fn joined(argument: &OsStr) -> Option<&OsStr> {
    let bytes = argument.as_bytes();
    let short = bytes
        .strip_prefix(b"-o=")
        .or_else(|| bytes.strip_prefix(b"-o"));
    let file = bytes.strip_prefix(b"--output=").or(short)?;
    Some(OsStr::from_bytes(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> String {
        let words = of_file(line.split(' ').map(OsString::from).collect());
        let words: Vec<_> = words.iter().map(|it| it.to_string_lossy()).collect();
        words.join(" ")
    }

    #[test]
    fn a_file_behind_o_is_a_file() {
        for (line, same) in [
            (
                "osb record -o a.mcap Alice",
                "osb record --file a.mcap Alice",
            ),
            (
                "osb record Alice -o a.mcap -o json",
                "osb record Alice --file a.mcap -o json",
            ),
            ("osb record -oa.mcap", "osb record --file=a.mcap"),
            ("osb record --output=a.mcap", "osb record --file=a.mcap"),
            ("osb ls -o a.mcap", "osb ls -o a.mcap"),
            ("osb record -o json", "osb record -o json"),
        ] {
            assert_eq!(read(line), same);
        }
    }
}
