//! Writing a log: each entry whole or not at all, full files moved away, and what could not be written counted.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::pieces::{LogFile, name, old, old_files};
use super::rotation::{Before, Rotation};
use crate::model::LogLimits;

/// How often it is looked whether another program has moved or cut the file.
const LOOK: Duration = Duration::from_secs(1);

/// A log that is written to.
pub(crate) struct LogWriter {
    path: PathBuf,
    file: File,
    /// The place of the file's first byte in the log.
    begin: u64,
    rotation: Rotation,
    looked: Instant,
    /// What the process prints goes to the same file.
    is_own: bool,
}

impl LogWriter {
    /// Goes on at the end of the log, which is made if it is not there.
    pub(crate) fn open(path: &Path, limits: LogLimits) -> io::Result<Self> {
        let file = open(path)?;
        let size = file.metadata()?.len();
        Ok(Self {
            begin: old_files(path).last().map_or(0, LogFile::end),
            path: path.to_owned(),
            file,
            rotation: Rotation::new(limits, size),
            looked: Instant::now(),
            is_own: false,
        })
    }

    /// Leads standard output and standard error of this process to the log, whichever file that is.
    pub(crate) fn own(mut self) -> io::Result<Self> {
        self.is_own = true;
        self.lead()?;
        Ok(self)
    }

    fn lead(&self) -> io::Result<()> {
        if self.is_own {
            nix::unistd::dup2_stdout(&self.file)?;
            nix::unistd::dup2_stderr(&self.file)?;
        }
        Ok(())
    }

    /// Writes an entry, which is one or several lines, each with its end. If that fails, its lines are counted, and the
    /// log says so as soon as it can be written again.
    pub(crate) fn write(&mut self, entry: &[u8]) {
        let lines = entry.iter().filter(|byte| **byte == b'\n').count() as u64;
        if let Err(error) = self.tell_lost().and_then(|()| self.put(entry)) {
            self.rotation.failed(lines.max(1), reason(&error));
        }
    }

    /// Tells what is lost, if something is and it can be told by now. It is tried now and then.
    pub(crate) fn tell_lost_in_time(&mut self) {
        if self.rotation.lost().is_some() && self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            // Another time.
            let _ = self.tell_lost();
        }
    }

    fn tell_lost(&mut self) -> io::Result<()> {
        let Some(lost) = self.rotation.lost() else {
            return Ok(());
        };
        let line = format!(
            "{:.3} WARN  lines lost before this one: {} ({})\n",
            Timestamp::now(),
            lost.lines,
            lost.reason
        );
        self.put(line.as_bytes())?;
        self.rotation.told();
        Ok(())
    }

    fn put(&mut self, entry: &[u8]) -> io::Result<()> {
        self.look();
        if self.rotation.before(entry.len() as u64) == Before::Rotate {
            // If no other file can be made, this one goes on.
            let _ = self.rotate();
        }
        match self.file.write(entry) {
            Ok(written) if written == entry.len() => {}
            written => {
                let written = written.or_else(|error| match error.kind() {
                    io::ErrorKind::Interrupted => Ok(0),
                    _ => Err(error),
                })?;
                self.put_rest(entry, written)?;
            }
        }
        self.rotation.wrote(entry.len() as u64);
        Ok(())
    }

    /// An entry of which there is no room for the rest is taken back.
    fn put_rest(&mut self, entry: &[u8], written: usize) -> io::Result<()> {
        let before = self.file.metadata()?.len() - written as u64;
        self.file.write_all(&entry[written..]).inspect_err(|_| {
            let _ = self.file.set_len(before);
        })
    }

    /// Another program may have cut the file, or moved it: the log goes on at its path.
    fn look(&mut self) {
        if self.looked.elapsed() < LOOK {
            return;
        }
        self.looked = Instant::now();
        let Ok(own) = self.file.metadata() else {
            return;
        };
        match fs::metadata(&self.path) {
            Ok(there) if there.ino() == own.ino() => self.rotation.found(own.len()),
            _ => {
                // If that fails, it goes on where it is.
                let _ = self.take_up();
            }
        }
    }

    /// Goes on in the file at the path, which is made if it is not there.
    fn take_up(&mut self) -> io::Result<()> {
        self.file = open(&self.path)?;
        self.rotation.found(self.file.metadata()?.len());
        self.lead()
    }

    fn rotate(&mut self) -> io::Result<()> {
        let size = self.file.metadata()?.len();
        let away = move_away(&self.path, self.begin)?;
        if let Err(error) = self.take_up() {
            let _ = fs::rename(&away, &self.path);
            return Err(error);
        }
        self.begin += size;
        forget(&self.path, self.rotation.kept());
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o600).open(path)
}

/// The folder for the files that are full.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(old(path)) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn move_away(path: &Path, begin: u64) -> io::Result<PathBuf> {
    make_folder(path)?;
    let away = old(path).join(name(begin));
    fs::rename(path, &away)?;
    Ok(away)
}

/// Removes all but the last of those that are full.
pub(super) fn forget(path: &Path, kept: usize) {
    let files = old_files(path);
    let too_many = files.len().saturating_sub(kept);
    for file in &files[..too_many] {
        // One that stays is one too many, and no more.
        let _ = fs::remove_file(&file.path);
    }
}

/// Moves a log away that is full, before another process begins to write to it.
pub(crate) fn move_if_full(path: &Path, limits: LogLimits) -> io::Result<()> {
    let size = fs::metadata(path).map_or(0, |it| it.len());
    if size < limits.max_size.bytes() {
        return Ok(());
    }
    move_away(path, old_files(path).last().map_or(0, LogFile::end))?;
    forget(path, Rotation::new(limits, 0).kept());
    Ok(())
}

/// Without the number of the error, which says nothing to people.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::{Behind, behind, files_of, last_bytes};
    use super::*;
    use proptest::prelude::*;

    const SMALL: &str = "1k";

    fn limits(max_files: u32) -> LogLimits {
        LogLimits {
            max_size: SMALL.parse().unwrap(),
            max_files,
        }
    }

    fn line(n: usize) -> String {
        format!("line {n:06} {}\n", "x".repeat(88))
    }

    #[test]
    fn a_log_has_so_many_files_and_no_more() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("A.log");
        let mut log = LogWriter::open(&path, limits(3)).unwrap();
        (0..95).for_each(|n| log.write(line(n).as_bytes()));
        // One that goes on where another left off.
        let mut log = LogWriter::open(&path, limits(3)).unwrap();
        (95..105).for_each(|n| log.write(line(n).as_bytes()));
        let files = files_of(&path).unwrap();
        assert_eq!(files.len(), 3);
        assert!(files.iter().all(|file| file.size <= 1024), "{files:?}");
        let (text, begin) = last_bytes(&path, 1 << 20).unwrap();
        let text = String::from_utf8(text).unwrap();
        let first = begin as usize / line(0).len();
        assert_eq!(text, (first..105).map(line).collect::<String>());
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&files[0].path), 0o600);
        assert_eq!(mode(files[0].path.parent().unwrap()), 0o700);
    }

    #[test]
    fn one_file_is_enough() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("A.log");
        let mut log = LogWriter::open(&path, limits(1)).unwrap();
        (0..25).for_each(|n| log.write(line(n).as_bytes()));
        assert_eq!(files_of(&path).unwrap().len(), 1);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(&line(20)), "{text}");
    }

    #[test]
    fn what_a_full_disk_swallowed_is_told_when_there_is_room() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("A.log");
        let mut log = LogWriter::open(&path, LogLimits::default()).unwrap();
        log.write(b"before\n");
        let room = log.file.try_clone().unwrap();
        log.file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        log.write(b"one\ntwo\n");
        log.write(b"three\n");
        log.file = room;
        log.write(b"after\n");
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text
            .lines()
            .map(|line| line.get(25..).unwrap_or(line))
            .collect();
        let lost = "WARN  lines lost before this one: 3 (no space left on device)";
        assert_eq!(lines, ["before", lost, "after"]);
    }

    #[test]
    fn it_goes_on_when_another_program_moves_or_cuts_the_file() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("A.log");
        let mut log = LogWriter::open(&path, limits(3)).unwrap();
        (0..9).for_each(|n| log.write(line(n).as_bytes()));
        fs::rename(&path, temp.path().join("A.log.1")).unwrap();
        log.looked -= LOOK;
        log.write(b"in a new one\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "in a new one\n");
        File::create(&path).unwrap();
        log.looked -= LOOK;
        (0..9).for_each(|n| log.write(line(n).as_bytes()));
        // It counts from where it was cut.
        assert_eq!(files_of(&path).unwrap().len(), 1);
    }

    #[test]
    fn a_log_without_limits_of_its_own_is_moved_when_it_is_full() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("host.log");
        move_if_full(&path, limits(3)).unwrap();
        fs::write(&path, "x".repeat(1023)).unwrap();
        move_if_full(&path, limits(3)).unwrap();
        assert!(path.exists());
        fs::write(&path, "x".repeat(1024)).unwrap();
        move_if_full(&path, limits(3)).unwrap();
        assert_eq!(files_of(&path).unwrap().len(), 1);
        assert!(!path.exists());
    }

    proptest! {
        /// A reader that goes on from place to place gets what was written, as far as it is kept; what is
        /// not is a jump of the place.
        #[test]
        fn places_stay_what_they_are(
            steps in prop::collection::vec(prop_oneof![(1_usize..600).prop_map(Some), Just(None)], 1..60),
            most in 1_u64..500,
        ) {
            let temp = tempfile::tempdir().unwrap();
            let path = temp.path().join("A.log");
            let mut log = LogWriter::open(&path, limits(3)).unwrap();
            let (mut written, mut place) = (Vec::<u8>::new(), 0);
            for step in steps.into_iter().chain([None]) {
                let Some(length) = step else {
                    loop {
                        let Behind { bytes, place: from, .. } = behind(&path, place, most).unwrap();
                        prop_assert!(from >= place);
                        if bytes.is_empty() {
                            break;
                        }
                        let from = from as usize;
                        prop_assert_eq!(&written[from..from + bytes.len()], &bytes[..]);
                        place = (from + bytes.len()) as u64;
                    }
                    prop_assert_eq!(place, written.len() as u64);
                    continue;
                };
                let mut entry = vec![b'a' + (length % 26) as u8; length];
                entry.push(b'\n');
                log.write(&entry);
                written.extend(&entry);
            }
        }
    }
}
