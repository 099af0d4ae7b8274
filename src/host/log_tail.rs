//! The end of a log file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// How much of the end is looked at, in bytes: long lines are cut rather than carried about.
const WINDOW: u64 = 16 << 10;

/// The last `lines` lines of the file at `path`; fewer if they are long, none if there is no file.
pub fn log_tail(path: &Path, lines: usize) -> Vec<String> {
    let window = read_end(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&window);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..]
        .iter()
        .map(|line| (*line).to_owned())
        .collect()
}

fn read_end(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(WINDOW)))?;
    let mut bytes = Vec::new();
    file.take(WINDOW).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_a_file() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("log");
        assert!(log_tail(&path, 3).is_empty());
        let text: String = (0..5000).map(|n| format!("line {n}\n")).collect();
        std::fs::write(&path, text).unwrap();
        assert_eq!(log_tail(&path, 2), ["line 4998", "line 4999"]);
        std::fs::write(&path, "x".repeat(100_000)).unwrap();
        assert_eq!(log_tail(&path, 2)[0].len(), 16 << 10);
    }
}
