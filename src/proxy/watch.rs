//! The stream of what happens in a system.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use super::{Link, ProxyError};
use crate::wire::{Envelope, Event, NameServerRequest, Peer, Snapshot};

/// The number of the request that renews a watch after the name server has come back. Others begin
/// at 1.
pub(super) const WATCH_ID: u64 = 0;

/// What a watcher is told.
#[derive(Debug, Clone)]
pub enum Notice {
    /// What is so: first, and again whenever the name server was away.
    Snapshot(Snapshot),
    /// What has changed since.
    Event(Event),
}

/// The watchers of one link.
#[derive(Default)]
pub(super) struct Watchers {
    senders: Vec<mpsc::UnboundedSender<Told>>,
}

/// Something to tell, or why there will be nothing more.
type Told = Result<Notice, ProxyError>;

impl Watchers {
    pub(crate) fn any(&mut self) -> bool {
        self.senders.retain(|sender| !sender.is_closed());
        !self.senders.is_empty()
    }

    /// There will be nothing more to tell, and why.
    pub(crate) fn close(&mut self, why: &ProxyError) {
        for sender in self.senders.drain(..) {
            let _ = sender.send(Err(why.clone()));
        }
    }

    pub(crate) fn on_event(&mut self, event: Event) {
        self.senders
            .retain(|sender| sender.send(Ok(Notice::Event(event.clone()))).is_ok());
    }

    pub(crate) fn on_snapshot(&mut self, snapshot: Snapshot) {
        self.senders
            .retain(|sender| sender.send(Ok(Notice::Snapshot(snapshot.clone()))).is_ok());
    }
}

/// A watcher that panicked while it held the lock leaves the list as good as it was.
pub(super) fn lock(watchers: &Mutex<Watchers>) -> MutexGuard<'_, Watchers> {
    watchers.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What happens in a system, from now on. The first notice is a snapshot.
pub struct Watch {
    notices: mpsc::UnboundedReceiver<Told>,
    end: ProxyError,
}

impl Watch {
    /// Begins to watch. Without waiting: an error shows as the end of the stream.
    #[doc(hidden)]
    pub fn begin(link: &Link) -> Self {
        let (sender, notices) = mpsc::unbounded_channel();
        lock(&link.watchers).senders.push(sender);
        let envelope = Envelope::request(WATCH_ID, 0, Peer::NameServer);
        link.send_raw(envelope, &NameServerRequest::Watch {});
        let end = ProxyError::Closed;
        Self { notices, end }
    }

    /// The next notice. None when there will be none any more: [`Watch::end`] tells why.
    pub async fn next(&mut self) -> Option<Notice> {
        match self.notices.recv().await? {
            Ok(notice) => Some(notice),
            Err(why) => {
                self.end = why;
                None
            }
        }
    }

    /// Why it has ended: the link was closed, say, or this member is not admitted any more.
    pub fn end(&self) -> &ProxyError {
        &self.end
    }

    /// Blocks until `reached` answers something to a notice, or until `timeout` is over.
    pub fn wait_until<T>(
        &mut self,
        what: &str,
        timeout: Duration,
        mut reached: impl FnMut(Notice) -> Option<T>,
    ) -> Result<T, ProxyError> {
        let until = async {
            loop {
                let Some(notice) = self.next().await else {
                    return Err(self.end.clone());
                };
                if let Some(result) = reached(notice) {
                    return Ok(result);
                }
            }
        };
        super::nameserver::block_on(async {
            tokio::time::timeout(timeout, until)
                .await
                .unwrap_or_else(|_| {
                    Err(ProxyError::Timeout {
                        what: what.to_owned(),
                        limit: timeout.into(),
                        standing: None,
                    })
                })
        })
    }
}
