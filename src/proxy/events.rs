//! What happens in a system, as the name server keeps it: each event once and in order, also over a name server that ends and
//! comes back.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{NameServer, ProxyError};
use crate::model::timing::CONTROL_TIMEOUT;
use crate::wire::{EventPage, EventRecord, NameServerRequest};

/// For how long the name server is to wait for an event, at most.
const WAIT: Duration = Duration::from_secs(20);
/// Between two looks whether one that is away is there again.
const RETRY: Duration = Duration::from_millis(50);

/// Events of a system, in order.
pub struct Events {
    nameserver: NameServer,
    /// None: from now on.
    after: Option<u64>,
    next: VecDeque<EventRecord>,
    whole: bool,
    more: bool,
}

impl NameServer {
    /// What happens from now on.
    ///
    /// ```no_run
    /// use osb::proxy::NameServer;
    ///
    /// let mut events = NameServer::connect("127.0.0.1:7400")?.events();
    /// loop {
    ///     let event = events.next()?;
    ///     println!("{} {} {}", event.at, event.what.kind(), event.what.about());
    /// }
    /// # #[allow(unreachable_code)]
    /// # Ok::<(), osb::proxy::ProxyError>(())
    /// ```
    pub fn events(&self) -> Events {
        Events::of(self.clone(), None)
    }

    /// What has happened since the event with that number: 0 is all that is kept; and what happens then.
    pub fn events_after(&self, number: u64) -> Events {
        Events::of(self.clone(), Some(number))
    }
}

impl Events {
    fn of(nameserver: NameServer, after: Option<u64>) -> Self {
        Self {
            nameserver,
            after,
            next: VecDeque::new(),
            whole: false,
            more: true,
        }
    }

    /// Begins now, where it is to begin now. The number of the last event before that.
    ///
    /// # Errors
    ///
    /// If the name server does not answer, or does not tell.
    pub fn begin(&mut self) -> Result<u64, ProxyError> {
        match self.after {
            Some(after) => Ok(after),
            None => {
                self.ask(Duration::ZERO)?;
                Ok(self.after.unwrap_or_default())
            }
        }
    }

    /// Whether it is told what operators do, and who is let in; known with the first answer.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Blocks until the next event, however long that takes. A name server that is away is waited for.
    ///
    /// # Errors
    ///
    /// If the name server does not tell, or there is no connection to it any more.
    #[expect(clippy::should_implement_trait, reason = "it has no end")]
    pub fn next(&mut self) -> Result<EventRecord, ProxyError> {
        loop {
            if let Some(event) = self.next_timeout(WAIT)? {
                return Ok(event);
            }
        }
    }

    /// Blocks until the next event, no longer than that. None if there is none until then.
    ///
    /// # Errors
    ///
    /// As [`Events::next`].
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<EventRecord>, ProxyError> {
        let until = Instant::now() + timeout;
        self.begin_within(until)?;
        loop {
            if let Some(event) = self.next.pop_front() {
                return Ok(Some(event));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() && !self.more {
                return Ok(None);
            }
            self.ask_patiently(left)?;
        }
    }

    /// The next event that has happened already. None if there is none.
    ///
    /// # Errors
    ///
    /// If the name server does not answer, or does not tell.
    pub fn next_kept(&mut self) -> Result<Option<EventRecord>, ProxyError> {
        self.begin()?;
        while self.next.is_empty() && self.more {
            self.ask(Duration::ZERO)?;
        }
        Ok(self.next.pop_front())
    }

    fn begin_within(&mut self, until: Instant) -> Result<(), ProxyError> {
        while self.after.is_none() {
            self.ask_patiently(until.saturating_duration_since(Instant::now()))?;
        }
        Ok(())
    }

    /// A name server that is away comes back, and knows more then.
    fn ask_patiently(&mut self, wait: Duration) -> Result<(), ProxyError> {
        if !self.nameserver.link().is_in() {
            self.more = false;
            std::thread::sleep(RETRY.min(wait));
            return Ok(());
        }
        match self.ask(wait.min(WAIT)) {
            Err(ProxyError::Closed | ProxyError::Mute { .. } | ProxyError::Unreachable { .. }) => {
                self.more = false;
                Ok(())
            }
            other => other,
        }
    }

    fn ask(&mut self, wait: Duration) -> Result<(), ProxyError> {
        let request = NameServerRequest::Events {
            after: self.after,
            wait_ms: u32::try_from(wait.as_millis()).unwrap_or(u32::MAX),
        };
        let pending = self
            .nameserver
            .ask_within::<EventPage>(&request, wait + CONTROL_TIMEOUT);
        let page = pending.wait()?;
        (self.whole, self.more) = (page.whole, page.more);
        // Numbers that are lower are those of another life, which had no disk to keep its own on.
        self.after = Some(match self.after {
            Some(after) if page.upto < after => 0,
            _ => page.upto,
        });
        self.next.extend(page.events);
        Ok(())
    }
}
