//! The files of a journal that were torn, or that somebody has written to.

use std::fs;
use std::path::{Path, PathBuf};

use osb::journal::fuzzing::Spoilt;
use osb::wire::Record;

const FILES: [&str; 4] = [
    "keys.old.jsonl",
    "keys.jsonl",
    "deeds.old.jsonl",
    "deeds.jsonl",
];

/// No line that osb writes is longer.
const LONGEST: usize = 4096;

/// How much is told at once, in a byte, and then what is in the files, with a zero between them.
pub fn journal(bytes: &[u8]) {
    let [most, content @ ..] = bytes else {
        return;
    };
    let most = 1 + 8 * usize::from(*most);
    let path = folder();
    let journal = Spoilt::at(&path).expect("a folder of its own");
    let parts = content.splitn(FILES.len(), |byte| *byte == 0);
    for (name, content) in FILES.iter().zip(parts.chain(std::iter::repeat(&b""[..]))) {
        fs::write(path.join(name), content).expect("there is room");
    }
    let before = all(&journal, most);
    journal
        .begin(&path)
        .expect("what is spoilt is no reason not to begin");
    let written = fs::read(path.join(FILES[3])).expect("it is there");
    let line = written.strip_suffix(b"\n").expect("its last line is whole");
    let line = line.rsplit(|byte| *byte == b'\n').next().unwrap_or(line);
    let new: Record = serde_json::from_slice(line).expect("its last line is an event");
    let after = all(&journal, 1 << 20);
    assert!(after.contains(&new) || new.n == u64::MAX);
    // Of what is in order nothing has gone, however it is asked for, and the new one is the last.
    let parts = content.splitn(FILES.len(), |byte| *byte == 0);
    let once = after.is_sorted_by(|a, b| a.n < b.n);
    if once && parts.into_iter().all(is_in_order) && new.n < u64::MAX {
        assert!(before.iter().eq(&after[..after.len() - 1]));
        assert_eq!(after.last(), Some(&new));
    }
}

/// Whether the numbers of its events grow, and nothing else is in it but a last line that was torn.
fn is_in_order(content: &[u8]) -> bool {
    let end = content.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    let lines = content[..end]
        .split(|byte| *byte == b'\n')
        .filter(|_| end > 0);
    let numbers = lines.map(|line| {
        let record = serde_json::from_slice::<Record>(line).ok();
        let begins = |n| line.starts_with(format!("{{\"n\":{n},").as_bytes());
        let record = record.filter(|it| begins(it.n) && line.len() < LONGEST);
        record.map_or(0, |it| it.n)
    });
    std::iter::once(0).chain(numbers).is_sorted_by(|a, b| a < b)
}

/// All that is told, as one who asks for it piece by piece is told.
fn all(journal: &Spoilt, most: usize) -> Vec<Record> {
    let mut all = Vec::<Record>::new();
    loop {
        let after = all.last().map_or(0, |it| it.n);
        let mut more = journal.behind(after, most).expect("it can be read");
        if more.is_empty() {
            return all;
        }
        assert!(more[0].n > after, "what was told is told again");
        assert!(more.is_sorted_by_key(|it| it.n));
        all.append(&mut more);
    }
}

/// One for this process, of one thread.
fn folder() -> PathBuf {
    let base = std::env::temp_dir();
    let base = if Path::new("/dev/shm").is_dir() {
        PathBuf::from("/dev/shm")
    } else {
        base
    };
    base.join(format!("osb-fuzz-journal-{}", std::process::id()))
}
