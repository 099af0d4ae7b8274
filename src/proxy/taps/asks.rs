//! What taps ask by the control connection, and what they hear of agents: awaited on a thread of its own, and told to the one that
//! reads the taps, which is woken for it.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use nix::sys::eventfd::{EfdFlags, EventFd};
use serde_json::Value;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use zmq::{POLLIN, PollItem};

use crate::model::{AgentName, State};
use crate::proxy::{NameServer, Notice, Pending, ProxyError};
use crate::wire::{Change, Event};

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// To begin.
    Tap,
    /// To go on.
    Keep,
    /// What has passed, by the control connection.
    Piece,
}

/// What there is to hear.
pub(super) enum Told {
    Answer {
        of: usize,
        asked: Asked,
        outcome: Result<Value, ProxyError>,
    },
    /// An agent has registered, or is in another state.
    Changed {
        /// The address of its name server.
        at: String,
        name: AgentName,
        state: State,
    },
}

/// Something that is waited for.
type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The thread that waits. It ends with this.
pub(super) struct Asks {
    waits: UnboundedSender<Wait>,
    told: Receiver<Told>,
    teller: Teller,
    followed: RefCell<Vec<String>>,
}

#[derive(Clone)]
struct Teller {
    sender: Sender<Told>,
    wake: Arc<EventFd>,
}

impl Teller {
    /// False if nobody listens any more.
    fn tell(&self, told: Told) -> bool {
        let is_heard = self.sender.send(told).is_ok();
        let _ = self.wake.write(1);
        is_heard
    }
}

impl Asks {
    pub(super) fn new() -> Result<Self, ProxyError> {
        let wake = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
            .map_err(|errno| zmq::Error::from_raw(errno as i32))?;
        let (sender, told) = channel();
        let (waits, received) = unbounded_channel();
        let thread = std::thread::Builder::new()
            .name("osb-taps".to_owned())
            .spawn(move || wait_for_all(received));
        thread.map_err(|error| {
            let errno = error.raw_os_error().unwrap_or(nix::libc::EAGAIN);
            zmq::Error::from_raw(errno)
        })?;
        Ok(Self {
            waits,
            told,
            teller: Teller {
                sender,
                wake: Arc::new(wake),
            },
            followed: RefCell::default(),
        })
    }

    pub(super) fn wake(&self) -> Arc<EventFd> {
        Arc::clone(&self.teller.wake)
    }

    pub(super) fn poll_item(&self) -> PollItem<'_> {
        use std::os::fd::{AsFd, AsRawFd};
        PollItem::from_fd(self.teller.wake.as_fd().as_raw_fd(), POLLIN)
    }

    /// It has been woken; what has come is looked at next.
    pub(super) fn calm(&self) {
        // Nothing is there to be read if it was not woken.
        let _ = self.teller.wake.read();
    }

    pub(super) fn next(&self) -> Option<Told> {
        self.told.try_recv().ok()
    }

    /// The answer will be told.
    pub(super) fn wait_for(&self, of: usize, asked: Asked, answer: Pending<Value>) {
        let teller = self.teller.clone();
        self.wait(async move {
            let outcome = answer.await;
            teller.tell(Told::Answer { of, asked, outcome });
        });
    }

    /// From now on it is told how agents of that name server change.
    pub(super) fn follow(&self, nameserver: &NameServer) {
        let address = nameserver.link().address().to_owned();
        if self.followed.borrow().contains(&address) {
            return;
        }
        self.followed.borrow_mut().push(address.clone());
        let (mut watch, teller) = (nameserver.watch(), self.teller.clone());
        let follow = async move {
            while let Some(notice) = watch.next().await {
                let Some((name, state)) = changed(notice) else {
                    continue;
                };
                let at = address.clone();
                if !teller.tell(Told::Changed { at, name, state }) {
                    return;
                }
            }
        };
        self.wait(follow);
    }

    fn wait(&self, wait: impl Future<Output = ()> + Send + 'static) {
        // The thread is there as long as this is.
        let _ = self.waits.send(Box::pin(wait));
    }
}

/// Waits for all that is received, at once, until nobody can send anything any more.
fn wait_for_all(mut received: UnboundedReceiver<Wait>) -> io::Result<()> {
    let runtime = Builder::new_current_thread().build()?;
    runtime.block_on(async {
        while let Some(wait) = received.recv().await {
            tokio::spawn(wait);
        }
    });
    Ok(())
}

/// The agent that is another, or in another state.
fn changed(notice: Notice) -> Option<(AgentName, State)> {
    match notice {
        Notice::Event(Event::Agent {
            change: Change::Registered | Change::State,
            agent,
            ..
        }) => Some((agent.name, agent.state)),
        Notice::Event(_) | Notice::Snapshot(_) => None,
    }
}
