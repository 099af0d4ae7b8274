//! Taps: what passes at the sockets of agents, shown to this program. Each agent is dialled at a socket that it has for that; one
//! that cannot be dialled shows it by the control connection. An agent that was away is tapped again when it is back.
//!
//! What it is that passes is not decided here, nor how it is printed.

mod asks;
mod viewed;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::eventfd::EventFd;
use zmq::{Context, POLLIN, PollItem};

use self::asks::{Asks, Told};
use self::viewed::Viewed;
use super::{Proxy, ProxyError};
use crate::model::Alias;
use crate::wire::{Passed, TappedSocket};

/// What of an agent is tapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapOf {
    /// The sockets. None: all, also those that come.
    pub aliases: Vec<Alias>,
    /// What topics of publications begin with. None: all publications.
    pub topics: Vec<String>,
    /// How many bytes of a message are shown at most. None: all of it.
    pub most: Option<u32>,
    /// One message in so many is shown.
    pub sample: u32,
}

impl Default for TapOf {
    /// All messages of all sockets, whole.
    fn default() -> Self {
        Self {
            aliases: Vec::new(),
            topics: Vec::new(),
            most: None,
            sample: 1,
        }
    }
}

/// The number of a tapped agent: the first that was added has 0.
pub type TapId = usize;

/// What is seen.
#[derive(Debug)]
pub enum Seen<'a> {
    /// A message has passed.
    Message(SeenMessage<'a>),
    /// From now on, all that passes is shown, or counted as lost.
    Began(TapId),
    /// So many messages in all were not shown, because this program did not keep up.
    Lost {
        /// The agent.
        of: TapId,
        /// How many.
        lost: u64,
    },
    /// The agent shows nothing: it has ended, say. It is tapped again when it is back.
    Away {
        /// The agent.
        of: TapId,
        /// Why it does not.
        why: ProxyError,
    },
}

/// A message that has passed.
#[derive(Debug)]
pub struct SeenMessage<'a> {
    /// The agent.
    pub of: TapId,
    /// Its socket.
    pub socket: &'a TappedSocket,
    /// The how-manieth that has passed there that way since the tap began.
    pub count: u64,
    /// In microseconds since 1970, by the agent's machine.
    pub time: u64,
    /// The message.
    pub passed: Passed<'a>,
}

/// Taps of any number of agents. They end when it is dropped.
pub struct Taps {
    context: Context,
    asks: Asks,
    viewed: Vec<Viewed>,
    stop: Stop,
}

/// Has [`Taps::next`] come back at once, from another thread.
#[derive(Clone)]
pub struct Stop {
    flag: Arc<AtomicBool>,
    wake: Arc<EventFd>,
}

impl Stop {
    /// From now on, it comes back at once.
    pub fn stop(&self) {
        self.flag.store(true, Ordering::SeqCst);
        // It can be woken as long as it is there.
        let _ = self.wake.write(1);
    }

    /// Whether it was said.
    pub fn is_stopped(&self) -> bool {
        self.flag.load(Ordering::SeqCst)
    }
}

impl Taps {
    /// Of no agent yet.
    ///
    /// # Errors
    ///
    /// If this process has no descriptor or no thread left for it.
    pub fn new() -> Result<Self, ProxyError> {
        let asks = Asks::new()?;
        let stop = Stop {
            flag: Arc::default(),
            wake: asks.wake(),
        };
        Ok(Self {
            context: Context::new(),
            asks,
            viewed: Vec::new(),
            stop,
        })
    }

    /// Has `next` come back, from elsewhere.
    pub fn stopper(&self) -> Stop {
        self.stop.clone()
    }

    /// Taps an agent from now on. What it answers, [`Taps::next`] tells.
    ///
    /// # Errors
    ///
    /// If there is no randomness for a key.
    pub fn add(&mut self, agent: Proxy, of: TapOf) -> Result<TapId, ProxyError> {
        self.asks.follow(agent.nameserver());
        let mut viewed = Viewed::new(agent, of)?;
        let id = self.viewed.len();
        viewed.ask(id, &self.asks);
        self.viewed.push(viewed);
        Ok(id)
    }

    /// The agent of that number.
    pub fn agent(&self, id: TapId) -> &Proxy {
        self.viewed[id].agent()
    }

    /// How many messages were not shown, in all.
    pub fn lost(&self) -> u64 {
        self.viewed.iter().map(Viewed::lost).sum()
    }

    /// Waits until something is seen, or until then, and tells of all that has been seen by `each`, which may take its time: the
    /// agents do not wait for it.
    ///
    /// # Errors
    ///
    /// What `each` comes back with.
    pub fn next<E>(
        &mut self,
        until: Option<Instant>,
        mut each: impl FnMut(Seen<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let mut seen = 0;
            let mut count = |it: Seen<'_>| {
                seen += 1;
                each(it)
            };
            while let Some(told) = self.asks.next() {
                self.hear(told, &mut count)?;
            }
            for (id, viewed) in self.viewed.iter_mut().enumerate() {
                viewed.read(id, &mut count)?;
                viewed.see_to_the_clock(id, &self.asks);
            }
            let is_over = until.is_some_and(|until| until <= Instant::now());
            if seen > 0 || is_over || self.stop.is_stopped() {
                return Ok(());
            }
            self.wait(until);
        }
    }

    fn hear<E>(
        &mut self,
        told: Told,
        each: &mut impl FnMut(Seen<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        match told {
            Told::Answer { of, asked, outcome } => {
                let Some(viewed) = self.viewed.get_mut(of) else {
                    return Ok(());
                };
                viewed.on_answer(of, (asked, outcome), (&self.context, &self.asks), each)
            }
            Told::Changed { at, name, state } => {
                let viewed = self.viewed.iter_mut().enumerate();
                for (id, viewed) in viewed.filter(|(_, it)| it.is_called(&at, &name)) {
                    viewed.on_changed(id, state, &self.asks, each)?;
                }
                Ok(())
            }
        }
    }

    fn wait(&self, until: Option<Instant>) {
        let due = self.viewed.iter().map(Viewed::due);
        let due = due.chain(until).min();
        let left = due.map_or(Duration::from_secs(3600), |due| {
            due.saturating_duration_since(Instant::now())
        });
        let sockets = self.viewed.iter().filter_map(Viewed::socket);
        let mut items: Vec<PollItem<'_>> = sockets.map(|it| it.as_poll_item(POLLIN)).collect();
        items.push(self.asks.poll_item());
        let ms = i64::try_from(left.as_millis()).unwrap_or(i64::MAX);
        // One that is interrupted looks again.
        let _ = zmq::poll(&mut items, ms.saturating_add(1));
        drop(items);
        self.asks.calm();
    }
}

impl Drop for Taps {
    fn drop(&mut self) {
        for viewed in &self.viewed {
            viewed.end();
        }
    }
}
