//! Logs whose writers hold the file themselves and know no limits: a full one is copied away and cut, and
//! what was written between the two is counted. No polling: inotify wakes one thread, which rests before it
//! looks again.
//!
//! The file must have been opened to be appended to, or its writer goes on behind a hole.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

use super::pieces::{LogFile, name, old, old_files};
use super::rotation::Rotation;
use super::writer::{forget, make_folder};
use crate::model::LogLimits;

/// How long nothing is looked at after something was written, however much is: so a file may grow beyond its limit.
const REST: Duration = Duration::from_millis(250);
/// How often more is copied that has been written meanwhile, before the file is cut.
const ROUNDS: usize = 8;

/// Keeps files within limits, until the process ends.
#[derive(Clone)]
pub(crate) struct LogCaps(Arc<Shared>);

struct Shared {
    inotify: Inotify,
    /// Each watch tells once, and is then gone.
    capped: Mutex<HashMap<WatchDescriptor, Capped>>,
}

impl LogCaps {
    /// With a thread that waits for something to be written.
    pub(crate) fn begin() -> io::Result<Self> {
        let shared = Arc::new(Shared {
            inotify: Inotify::init(InitFlags::IN_CLOEXEC)?,
            capped: Mutex::new(HashMap::new()),
        });
        let caps = Self(shared.clone());
        let thread = std::thread::Builder::new().name("osb-logs".into());
        thread.spawn(move || shared.serve())?;
        Ok(caps)
    }

    /// From now on the log at `path` is kept within these limits.
    pub(crate) fn keep(&self, path: &Path, limits: LogLimits) -> io::Result<()> {
        // Held until it is among those that are looked for when something is written.
        let mut capped = self.0.lock();
        let (watch, one) = self.0.look_at(Capped::new(path, limits))?;
        capped.insert(watch, one);
        Ok(())
    }

    /// The same for what this process prints itself, if standard error leads to a file of the folder `dir`.
    pub(crate) fn keep_own(&self, dir: &Path) -> io::Result<()> {
        let own = fs::read_link("/proc/self/fd/2")?;
        let dir = fs::canonicalize(dir)?;
        match own.parent() == Some(&dir) && own.is_file() {
            true => self.keep(&own, LogLimits::default()),
            false => Ok(()),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<WatchDescriptor, Capped>> {
        self.capped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        loop {
            let events = match self.inotify.read_events() {
                Ok(events) => events,
                Err(Errno::EINTR) => continue,
                Err(_) => return,
            };
            std::thread::sleep(REST);
            self.on_written(&events);
        }
    }

    fn on_written(&self, events: &[InotifyEvent]) {
        // One that is not there any more has no writer. No writer waits while files are copied.
        let written = self.take_written(events).into_iter();
        for (watch, one) in written.filter_map(|one| self.look_at(one).ok()) {
            self.lock().insert(watch, one);
        }
    }

    fn take_written(&self, events: &[InotifyEvent]) -> Vec<Capped> {
        let mut capped = self.lock();
        let lost = |it: &InotifyEvent| it.mask.contains(AddWatchFlags::IN_Q_OVERFLOW);
        match events.iter().any(lost) {
            true => capped.drain().map(|(_, it)| it).collect(),
            false => {
                let told = events.iter();
                told.filter_map(|it| capped.remove(&it.wd)).collect()
            }
        }
    }

    fn look_at(&self, mut one: Capped) -> io::Result<(WatchDescriptor, Capped)> {
        // Before its size is looked at, so that nothing falls between.
        let once = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_ONESHOT;
        let watch = self.inotify.add_watch(&one.path, once)?;
        // What cannot be copied, because the disk is full say, stays; the next thing that is written tries again.
        let _ = one.cut_if_full();
        Ok((watch, one))
    }
}

/// A log that others write to.
struct Capped {
    path: PathBuf,
    limits: LogLimits,
    /// How many bytes were cut that had not been copied, and are not reported yet.
    lost: u64,
}

impl Capped {
    fn new(path: &Path, limits: LogLimits) -> Self {
        Self {
            path: path.to_owned(),
            limits,
            lost: 0,
        }
    }

    fn cut_if_full(&mut self) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .open(&self.path)?;
        if file.metadata()?.len() >= self.limits.max_size.bytes() {
            self.cut(&mut file)?;
        }
        if self.lost > 0 {
            let line = told(self.lost);
            // It is a line of its own, also where one was cut.
            let line = match self.ends_within_a_line(&mut file)? {
                true => format!("\n{line}"),
                false => line,
            };
            file.write_all(line.as_bytes())?;
            self.lost = 0;
        }
        Ok(())
    }

    /// Whether what the log has last is no newline.
    fn ends_within_a_line(&self, file: &mut File) -> io::Result<bool> {
        if file.metadata()?.len() > 0 {
            return ends_open(file);
        }
        match old_files(&self.path).last() {
            Some(last) => ends_open(&mut File::open(&last.path)?),
            None => Ok(false),
        }
    }

    fn cut(&mut self, file: &mut File) -> io::Result<()> {
        let kept = Rotation::new(self.limits, 0).kept();
        let Some(others) = kept.checked_sub(1) else {
            // There is to be no other file.
            return file.set_len(0);
        };
        forget(&self.path, others);
        make_folder(&self.path)?;
        let copy = old(&self.path).join("copy");
        let copied = copy_all(file, &copy).inspect_err(|_| {
            let _ = fs::remove_file(&copy);
        })?;
        self.put_in_place(file, &copy, copied)
    }

    /// Readers of the log see its files as they are before or after this.
    fn put_in_place(&mut self, file: &File, copy: &Path, copied: u64) -> io::Result<()> {
        let begin = old_files(&self.path).last().map_or(0, LogFile::end);
        let place = old(&self.path).join(name(begin));
        let held = Flock::lock(file.try_clone()?, FlockArg::LockExclusive);
        let held = held.map_err(|(_, errno)| errno)?;
        fs::rename(copy, &place)?;
        let size = held.metadata()?.len();
        held.set_len(0).inspect_err(|_| {
            let _ = fs::remove_file(&place);
        })?;
        self.lost += size.saturating_sub(copied);
        Ok(())
    }
}

fn ends_open(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// As the other losses of a log are told.
fn told(lost: u64) -> String {
    let now = Timestamp::now();
    format!(
        "{now:.3} WARN  bytes lost before this line: {lost} (printed while the full file was copied away)\n"
    )
}

/// Copies what there is, and what has come meanwhile, but does not follow a writer that is always faster.
fn copy_all(from: &File, to: &Path) -> io::Result<u64> {
    let mut options = OpenOptions::new();
    let mut to = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(to)?;
    let mut copied = 0;
    for _ in 0..ROUNDS {
        let more = from.metadata()?.len().saturating_sub(copied);
        if more == 0 {
            break;
        }
        copied += io::copy(&mut from.take(more), &mut to)?;
    }
    Ok(copied)
}

#[cfg(test)]
mod tests {
    use super::super::{files_of, last_bytes};
    use super::*;
    use std::os::unix::fs::MetadataExt;
    use std::time::Instant;

    fn limits(max_files: u32) -> LogLimits {
        LogLimits {
            max_size: "1k".parse().unwrap(),
            max_files,
        }
    }

    fn appended(path: &Path) -> File {
        let mut options = OpenOptions::new();
        options.create(true).append(true).open(path).unwrap()
    }

    fn text_of(path: &Path) -> String {
        String::from_utf8(last_bytes(path, 1 << 20).unwrap().0).unwrap()
    }

    #[test]
    fn a_full_file_is_copied_away_and_cut_and_its_writer_goes_on() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("A.out");
        let mut writer = appended(&path);
        let mut capped = Capped::new(&path, limits(3));
        let mut all = String::new();
        for n in 0..100 {
            let line = format!("{n:099}\n");
            writer.write_all(line.as_bytes()).unwrap();
            all += &line;
            capped.cut_if_full().unwrap();
        }
        let files = files_of(&path).unwrap();
        assert_eq!(files.len(), 3, "{files:?}");
        assert!(files.iter().all(|it| it.size < 1200), "{files:?}");
        assert_eq!(files.last().unwrap().end(), all.len() as u64);
        let text = text_of(&path);
        assert!(text.len() > 2000 && all.ends_with(&text), "{text}");
        let mode = fs::metadata(&files[0].path).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o600);
    }

    #[test]
    fn of_one_that_may_have_one_file_nothing_is_kept() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("A.out");
        appended(&path).write_all(&[b'x'; 2000]).unwrap();
        Capped::new(&path, limits(1)).cut_if_full().unwrap();
        assert_eq!(text_of(&path), "");
        assert_eq!(files_of(&path).unwrap().len(), 1);
    }

    #[test]
    fn what_is_written_between_copying_and_cutting_is_counted_and_told() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("A.out");
        let mut writer = appended(&path);
        writer.write_all(&[b'x'; 2000]).unwrap();
        let mut capped = Capped::new(&path, limits(3));
        make_folder(&path).unwrap();
        let copy = old(&path).join("copy");
        let copied = copy_all(&File::open(&path).unwrap(), &copy).unwrap();
        writer.write_all(b"too late\n").unwrap();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        capped.put_in_place(&file, &copy, copied).unwrap();
        capped.cut_if_full().unwrap();
        writer.write_all(b"after\n").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let said = "WARN  bytes lost before this line: 9 (printed while the full file was copied away)\nafter\n";
        // What was copied ends within a line.
        assert_eq!(&text[26..], said);
        assert!(text.starts_with('\n'));
        assert_eq!(files_of(&path).unwrap()[1].begin, 2000);
    }

    #[test]
    fn files_are_kept_within_limits_as_they_are_written() {
        let temp = tempfile::tempdir().unwrap();
        let caps = LogCaps::begin().unwrap();
        let paths = ["A.out", "B.out"].map(|name| temp.path().join(name));
        let mut writers = paths.each_ref().map(|path| appended(path));
        for path in &paths {
            caps.keep(path, limits(2)).unwrap();
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        for round in 1..=3 {
            for (writer, path) in writers.iter_mut().zip(&paths) {
                writer.write_all(&[b'0' + round; 1500]).unwrap();
                while fs::metadata(path).unwrap().len() > 0 {
                    assert!(Instant::now() < deadline, "round {round}");
                    std::thread::yield_now();
                }
                assert_eq!(
                    text_of(path),
                    char::from(b'0' + round).to_string().repeat(1500)
                );
            }
        }
    }
}
