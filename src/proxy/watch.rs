//! The stream of what happens in a system.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use super::{Link, ProxyError};
use crate::wire::{Envelope, Event, NameServerRequest, Peer, Snapshot};

/// The number of the request that renews all watches after the name server has come back. Others begin
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
    watchers: Vec<Watcher>,
}

struct Watcher {
    sender: mpsc::UnboundedSender<Told>,
    /// The number of its request, whose answer is its first snapshot; before that it is told nothing.
    waits_for: Option<u64>,
}

/// Something to tell, or why there will be nothing more.
type Told = Result<Notice, ProxyError>;

impl Watchers {
    fn add(&mut self, request: u64, sender: mpsc::UnboundedSender<Told>) {
        self.watchers.push(Watcher {
            sender,
            waits_for: Some(request),
        });
    }

    pub(crate) fn any(&mut self) -> bool {
        self.watchers.retain(|it| !it.sender.is_closed());
        !self.watchers.is_empty()
    }

    /// There will be nothing more to tell, and why.
    pub(crate) fn close(&mut self, why: &ProxyError) {
        for watcher in self.watchers.drain(..) {
            let _ = watcher.sender.send(Err(why.clone()));
        }
    }

    pub(crate) fn on_event(&mut self, event: Event) {
        self.watchers.retain(|it| match it.waits_for {
            Some(_) => !it.sender.is_closed(),
            None => it.sender.send(Ok(Notice::Event(event.clone()))).is_ok(),
        });
    }

    /// The name server has been away: what is so now is news to all.
    pub(crate) fn on_renewed(&mut self, snapshot: Snapshot) {
        self.watchers.retain_mut(|it| {
            it.waits_for = None;
            let notice = Notice::Snapshot(snapshot.clone());
            it.sender.send(Ok(notice)).is_ok()
        });
    }

    /// The answer to the request with this number, if it is that of a watcher.
    pub(crate) fn on_answer(
        &mut self,
        request: u64,
        snapshot: impl FnOnce() -> Result<Snapshot, ProxyError>,
    ) {
        let mut watchers = self.watchers.iter_mut();
        let Some(watcher) = watchers.find(|it| it.waits_for == Some(request)) else {
            return;
        };
        watcher.waits_for = None;
        // One that is gone is let go of with the next event.
        let _ = watcher.sender.send(snapshot().map(Notice::Snapshot));
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
        let request = link.next_id();
        lock(&link.watchers).add(request, sender);
        let envelope = Envelope::request(request, 0, Peer::NameServer);
        link.send_raw(envelope, &NameServerRequest::Watch {});
        let end = ProxyError::Closed;
        Self { notices, end }
    }

    /// The next notice. None when there will be none any more: [`Watch::end`] tells why.
    pub async fn next(&mut self) -> Option<Notice> {
        let told = self.notices.recv().await;
        self.heard(told)
    }

    /// Blocks until the next notice. None when there will be none any more: [`Watch::end`] tells why.
    /// Not for async code, which awaits [`Watch::next`].
    pub fn next_blocking(&mut self) -> Option<Notice> {
        let told = self.notices.blocking_recv();
        self.heard(told)
    }

    /// Blocks until the next notice, no longer than `timeout`. None if there is none until then.
    ///
    /// # Errors
    ///
    /// If there will be none any more.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<Notice>, ProxyError> {
        super::nameserver::block_on(async {
            match tokio::time::timeout(timeout, self.next()).await {
                Ok(Some(notice)) => Ok(Some(notice)),
                Ok(None) => Err(self.end.clone()),
                Err(_late) => Ok(None),
            }
        })
    }

    /// All notices, each when it comes; it ends when there will be none any more.
    ///
    /// ```no_run
    /// use osb::proxy::{Event, NameServer, Notice};
    ///
    /// for notice in NameServer::connect("127.0.0.1:7400")?.watch().iter() {
    ///     if let Notice::Event(Event::Agent { agent, .. }) = notice {
    ///         println!("{} is {}", agent.name, agent.state);
    ///     }
    /// }
    /// # Ok::<(), osb::proxy::ProxyError>(())
    /// ```
    pub fn iter(&mut self) -> impl Iterator<Item = Notice> {
        std::iter::from_fn(|| self.next_blocking())
    }

    fn heard(&mut self, told: Option<Told>) -> Option<Notice> {
        match told? {
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

#[cfg(test)]
mod tests {
    use super::*;

    type Heard = mpsc::UnboundedReceiver<Told>;

    fn watcher(watchers: &mut Watchers, request: u64) -> Heard {
        let (sender, heard) = mpsc::unbounded_channel();
        watchers.add(request, sender);
        heard
    }

    fn snapshot() -> Snapshot {
        serde_json::from_str(r#"{"agents":[],"hosts":[]}"#).unwrap()
    }

    /// S: a snapshot, E: an event, X: the end.
    fn heard(heard: &mut Heard) -> String {
        let told = std::iter::from_fn(|| heard.try_recv().ok());
        told.map(|it| match it {
            Ok(Notice::Snapshot(_)) => 'S',
            Ok(Notice::Event(_)) => 'E',
            Err(_) => 'X',
        })
        .collect()
    }

    #[test]
    fn each_gets_the_snapshot_that_it_has_asked_for_and_no_others() {
        let mut watchers = Watchers::default();
        let mut first = watcher(&mut watchers, 1);
        watchers.on_event(Event::Renew {});
        watchers.on_answer(1, || Ok(snapshot()));
        watchers.on_event(Event::Renew {});
        let mut second = watcher(&mut watchers, 2);
        watchers.on_event(Event::Renew {});
        watchers.on_answer(7, || unreachable!("no watcher has asked so"));
        watchers.on_answer(2, || Ok(snapshot()));
        watchers.on_event(Event::Renew {});
        assert_eq!(
            (heard(&mut first), heard(&mut second)),
            ("SEEE".into(), "SE".into())
        );
        let mut third = watcher(&mut watchers, 3);
        watchers.on_renewed(snapshot());
        assert_eq!(
            (heard(&mut first), heard(&mut third)),
            ("S".into(), "S".into())
        );
        watchers.close(&ProxyError::Closed);
        assert_eq!(heard(&mut third), "X");
        assert!(!watchers.any());
    }
}
