//! Sending files to another machine, over the connection that its daemon will hang on.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::ChildStdin;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::error::{SshError, Stage};
use super::session::Session;
use crate::files::Bundle;
use crate::model::Amount;
use crate::model::timing::SSH_STALL_TIMEOUT;
use crate::wire::MachineWord;

/// How much is sent at once, in bytes.
const CHUNK: usize = 128 << 10;

/// How far the sending is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Of those that had to be sent.
    pub sent: Amount,
    pub lacking: Amount,
    /// All is in its place there.
    pub done: bool,
}

/// Sends what the machine lacks of `bundle`. Gives the folders there, in the order of the bundle's.
/// `tell` is told how far it is.
pub(super) async fn send(
    session: &mut Session,
    bundle: &Bundle,
    tell: impl Fn(Sent) + Send + Sync + 'static,
) -> Result<Vec<PathBuf>, SshError> {
    let more = answer_to(bundle);
    let sums = match session
        .long_word(SSH_STALL_TIMEOUT, Stage::Files, more)
        .await?
    {
        MachineWord::Lacks { sums } => sums,
        other => return Err(session.unexpected(Stage::Files, other)),
    };
    let Some(files) = bundle.asked(&sums) else {
        return Err(session.error(Stage::Files, "it asks for files that it was not offered"));
    };
    let lacking: Amount = files.iter().map(|(_, size)| Amount::of(*size)).sum();
    let moved = Arc::new(AtomicU64::new(0));
    let tell = Arc::new(tell);
    let Some(stdin) = session.take_stdin() else {
        return Err(session.error(Stage::Files, "the connection is closed"));
    };
    let sending = tokio::spawn(pour(files, stdin, lacking, moved.clone(), tell.clone()));
    // What is said meanwhile is listened to: the other side may refuse in the middle of it.
    let word = listen(session, (&moved, more), sending).await?;
    let folders = match word {
        MachineWord::Laid { folders } if folders.len() == bundle.trees.len() => folders,
        other => return Err(session.unexpected(Stage::Files, other)),
    };
    if let Some(relative) = folders.iter().find(|folder| !folder.is_absolute()) {
        let reason = format!("it says that the files are in {}", relative.display());
        return Err(session.error(Stage::Files, reason));
    }
    tell(Sent {
        sent: lacking,
        lacking,
        done: true,
    });
    Ok(folders)
}

/// How much the machine may have to say: which contents it lacks, and where the folders are; in bytes.
fn answer_to(bundle: &Bundle) -> usize {
    const PER_SUM: usize = 80;
    const PER_FOLDER: usize = 8 << 10;
    let files = bundle.trees.iter().map(|tree| tree.listing.entries().len());
    files.sum::<usize>() * PER_SUM + bundle.trees.len() * PER_FOLDER
}

/// The next word of the other side, as long as there is one or something moves.
async fn listen(
    session: &mut Session,
    (moved, more): (&AtomicU64, usize),
    mut sending: JoinHandle<Result<ChildStdin, Failed>>,
) -> Result<MachineWord, SshError> {
    let mut last = 0;
    loop {
        let word = session.long_word(SSH_STALL_TIMEOUT, Stage::Files, more);
        tokio::select! {
            biased;
            word = word => match word {
                Ok(word) => {
                    // It has all, or wants no more.
                    if !matches!(word, MachineWord::Laid { .. }) {
                        sending.abort();
                    }
                    if let Ok(Ok(Ok(stdin))) = timeout(SSH_STALL_TIMEOUT, sending).await {
                        session.give_stdin(stdin);
                    }
                    return Ok(word);
                }
                Err(error) => {
                    let now = moved.load(Ordering::Relaxed);
                    if now == last || session.is_closed() {
                        return Err(error);
                    }
                    last = now;
                }
            },
            sent = &mut sending => match sent {
                Ok(Ok(stdin)) => {
                    session.give_stdin(stdin);
                    return session.long_word(SSH_STALL_TIMEOUT, Stage::Files, more).await;
                }
                Ok(Err(Failed::Here(reason))) => return Err(session.error(Stage::Files, reason)),
                // It has closed its end: it says why.
                Ok(Err(Failed::There)) | Err(_) => {
                    return session.long_word(SSH_STALL_TIMEOUT, Stage::Files, more).await;
                }
            },
        }
    }
}

/// Which end of the sending has failed.
enum Failed {
    Here(String),
    There,
}

async fn pour(
    files: Vec<(PathBuf, u64)>,
    mut stdin: ChildStdin,
    lacking: Amount,
    moved: Arc<AtomicU64>,
    tell: Arc<impl Fn(Sent)>,
) -> Result<ChildStdin, Failed> {
    let mut progress = Sent {
        lacking,
        ..Sent::default()
    };
    let mut chunk = vec![0; CHUNK];
    for (path, size) in files {
        let here = |error: std::io::Error| {
            Failed::Here(format!("cannot read {}: {error}", path.display()))
        };
        let mut file = File::open(&path).await.map_err(here)?.take(size);
        let mut left = size;
        while left > 0 {
            let read = file.read(&mut chunk).await.map_err(here)?;
            if read == 0 {
                let reason = format!("{} became shorter while it was copied", path.display());
                return Err(Failed::Here(reason));
            }
            let sent = stdin.write_all(&chunk[..read]).await;
            sent.map_err(|_| Failed::There)?;
            left -= read as u64;
            progress.sent.bytes += read as u64;
            moved.store(progress.sent.bytes, Ordering::Relaxed);
            tell(progress);
        }
        progress.sent.files += 1;
        tell(progress);
    }
    stdin.flush().await.map_err(|_| Failed::There)?;
    Ok(stdin)
}
