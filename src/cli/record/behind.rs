//! A file that is written by a thread of its own, so that a disk that is slow for a moment keeps nothing else up.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// How much is handed over at a time, about.
const BLOCK: usize = 256 << 10;
/// How many blocks may wait. With chunks of 1 MiB they are 128 MiB.
const WAITING: usize = 128;

/// The file.
pub(super) struct Behind {
    buffer: Vec<u8>,
    blocks: Option<SyncSender<Vec<u8>>>,
    thread: Option<JoinHandle<io::Result<()>>>,
    written: Arc<AtomicU64>,
}

impl Behind {
    /// Counts in `written` what it has taken.
    pub(super) fn new(file: File, written: Arc<AtomicU64>) -> io::Result<Self> {
        let (blocks, received) = sync_channel(WAITING);
        written.store(0, Ordering::Relaxed);
        let thread = std::thread::Builder::new().name("osb-record".to_owned());
        let thread = thread.spawn(move || write_all(file, &received))?;
        Ok(Self {
            buffer: Vec::new(),
            blocks: Some(blocks),
            thread: Some(thread),
            written,
        })
    }

    /// Comes back when all is with the system, or with what has gone wrong.
    pub(super) fn end(mut self) -> io::Result<()> {
        self.hand_over()?;
        self.blocks = None;
        self.outcome()
    }

    fn hand_over(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let block = std::mem::take(&mut self.buffer);
        let blocks = self.blocks.as_ref();
        match blocks.is_some_and(|it| it.send(block).is_ok()) {
            true => Ok(()),
            // It has ended, and says why.
            false => Err(self.outcome().err().unwrap_or_else(closed)),
        }
    }

    fn outcome(&mut self) -> io::Result<()> {
        let thread = self.thread.take().ok_or_else(closed)?;
        thread.join().unwrap_or_else(|_| Err(closed()))
    }
}

fn closed() -> io::Error {
    io::Error::other("nobody writes the file any more")
}

impl Write for Behind {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        self.written
            .fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if self.buffer.len() >= BLOCK {
            self.hand_over()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hand_over()
    }
}

/// What a disk has no room for is taken back as far as it has come: the file ends where the last block did.
fn write_all(mut file: File, blocks: &Receiver<Vec<u8>>) -> io::Result<()> {
    let mut good = 0;
    for block in blocks {
        if let Err(error) = file.write_all(&block) {
            // If it cannot be cut, it is read all the same, as far as it goes.
            let _ = file.set_len(good);
            return Err(error);
        }
        good += block.len() as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_written_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let written = Arc::new(AtomicU64::new(7));
        let mut behind = Behind::new(File::create(&path).unwrap(), Arc::clone(&written)).unwrap();
        let mut expected = Vec::new();
        for byte in 0..=255_u8 {
            let some = vec![byte; 5000];
            behind.write_all(&some).unwrap();
            expected.extend(some);
        }
        behind.end().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), expected);
        assert_eq!(written.load(Ordering::Relaxed), expected.len() as u64);
    }

    #[test]
    fn a_disk_without_room_is_told_of() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut behind = Behind::new(full, Arc::default()).unwrap();
        let error = loop {
            if let Err(error) = behind.write_all(&[0; BLOCK]) {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
