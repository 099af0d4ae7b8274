//! Lines to stdout by a thread of its own: a reader that is slow, or a pager that waits, holds that
//! thread up, and not the command, which still notices a Ctrl-C.

use std::io::{self, Write};

use tokio::sync::{mpsc, oneshot};

use crate::model::timing::LOG_FLUSH_TIMEOUT;

/// How much may wait to be written. Then writers have to wait.
const WAITING: usize = 16;

/// The way to that thread.
pub(crate) struct LineWriter {
    texts: mpsc::Sender<String>,
    ended: oneshot::Receiver<io::Result<()>>,
}

impl LineWriter {
    pub(crate) fn new() -> Self {
        let (texts, received) = mpsc::channel(WAITING);
        let (end, ended) = oneshot::channel();
        std::thread::spawn(move || {
            // One that does not wait for the end does not want to know.
            let _ = end.send(write_all(received));
        });
        Self { texts, ended }
    }

    /// Hands over text that ends with a newline. An error is that of an earlier text.
    pub(crate) async fn write(&mut self, text: String) -> io::Result<()> {
        match self.texts.send(text).await {
            Ok(()) => Ok(()),
            Err(_) => (&mut self.ended).await.unwrap_or(Ok(())),
        }
    }

    /// Waits until all is written, if there is a reader.
    pub(crate) async fn finish(self) -> io::Result<()> {
        drop(self.texts);
        match tokio::time::timeout(LOG_FLUSH_TIMEOUT, self.ended).await {
            Ok(Ok(outcome)) => outcome,
            _ => Ok(()),
        }
    }
}

fn write_all(mut texts: mpsc::Receiver<String>) -> io::Result<()> {
    while let Some(text) = texts.blocking_recv() {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()?;
    }
    Ok(())
}
