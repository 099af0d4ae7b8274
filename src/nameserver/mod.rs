//! The name server's process: one ROUTER socket, one thread, and the clock, around the registry.
//!
//! It decides nothing. What is not an osb message is counted and dropped; whatever arrives, it
//! goes on serving.

mod audit;
mod events;
mod socket;
mod trial;

use std::io::Write;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::access::{KeyChange, Keyring};
use crate::model::{PublicKey, harmless};
use crate::registry::{Effect, Now, Registry, Rotated, RoutingId};
use crate::state::{KeyDir, KeyLog, StateError, events_folder};
use crate::wire::{DecodeError, Envelope, Fault, MessageKind, Peer, body};
use crate::zeromq::draw_keys;
use audit::Audit;
use events::{Asker, Told};
use socket::{Frames, NotSent, Router, TurnedAway};
use trial::{Trial, Verdict};

/// How many messages are read before the clock is looked at again.
const BATCH: usize = 256;

/// Why a name server cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum NameServerError {
    #[error("cannot listen at {at}: {}", reason(source))]
    Bind { at: SocketAddr, source: zmq::Error },
    #[error("ZeroMQ failed in the name server: {0}")]
    Zmq(#[from] zmq::Error),
    #[error(transparent)]
    Keys(#[from] StateError),
    #[error("this system is open: it has no keys")]
    NoKeys,
    #[error(
        "an unknown key was admitted on trial, so that this name server does not begin: the ZeroMQ that is linked in does not do what it should"
    )]
    AdmitsUnknownKeys,
}

impl NameServerError {
    /// Whether another process has the address.
    pub(crate) fn is_in_use(&self) -> bool {
        let in_use = zmq::Error::EADDRINUSE;
        matches!(self, NameServerError::Bind { source, .. } if *source == in_use)
    }
}

/// It holds whether or not it can be written down. That it cannot is said in the name server's log,
/// and to the members that have asked for it.
fn remember(log: &mut KeyLog, change: &KeyChange) -> Result<(), String> {
    log.write(change).map_err(|error| {
        let what = match change {
            KeyChange::Admit(entry) => format!("that {} is admitted", entry.holder),
            KeyChange::Drop(key) => format!("that {key} is revoked"),
        };
        let reason = format!(
            "cannot write down {what}: {error}; it holds until this name server ends: make room, and say it again"
        );
        let _ = writeln!(std::io::stderr(), "error: {}", harmless(&reason));
        reason
    })
}

/// In place of a reply: it is done, and will be forgotten.
fn not_written(reason: &str, reply: &Envelope) -> (Envelope, Vec<u8>) {
    let reason = reason.to_owned();
    let outcome: Result<(), Fault> = Err(Fault::Refused { reason });
    let content = outcome.as_ref().err().map(body).unwrap_or_default();
    let envelope = Envelope::answer(&outcome, reply.id, reply.peer.clone());
    (envelope, content)
}

fn reason(error: &zmq::Error) -> String {
    match error {
        zmq::Error::EADDRINUSE => "another process listens there".to_owned(),
        zmq::Error::EADDRNOTAVAIL => "this machine has no such address".to_owned(),
        zmq::Error::EACCES => "not permitted".to_owned(),
        other => other.to_string(),
    }
}

/// A name server that listens.
pub(crate) struct NameServer {
    router: Router,
    address: String,
    registry: Registry,
    began: Instant,
    /// Messages that were none of osb's.
    foreign: u64,
    /// Handshakes of keys that are not admitted.
    turned_away: u64,
    /// Where it is written down which keys are admitted.
    key_log: Option<KeyLog>,
    /// The folder of its keys.
    keys: Option<KeyDir>,
    /// Where it is written down who has done what.
    audit: Option<Audit>,
    /// What has happened.
    told: Told,
}

/// How a name server has ended, and what it did not take to be for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Served {
    pub end: NameServerEnd,
    /// Messages that were none of osb's.
    pub foreign: u64,
    /// Handshakes of keys that are not admitted.
    pub turned_away: u64,
}

/// How a name server has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameServerEnd {
    /// A member has asked it to end.
    Asked,
    /// A signal has told it to.
    Told,
    /// Its keeper is dead.
    KeeperGone,
}

impl NameServer {
    /// Listens at `at`; port 0 takes any free one. Every peer is admitted.
    pub(crate) fn bind(at: SocketAddr) -> Result<Self, NameServerError> {
        let router = Router::bind(at, None)?;
        let address = router.address()?;
        Ok(Self {
            registry: Registry::new(address.clone()),
            router,
            address,
            began: Instant::now(),
            foreign: 0,
            turned_away: 0,
            key_log: None,
            keys: None,
            audit: None,
            told: Told::unkept(),
        })
    }

    /// The same, but only keys are admitted that are written down in `dir`. Before anything else it is tried
    /// that an unknown peer is not.
    pub(crate) fn bind_closed(at: SocketAddr, dir: &KeyDir) -> Result<Self, NameServerError> {
        let keys = dir.server_keys()?;
        let (key_log, changes) = dir.log()?;
        let ring = Keyring::recall(changes);
        let router = Router::bind(at, Some(&keys))?;
        let address = router.address()?;
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let mut registry = Registry::closed(address.clone(), ring, since_1970.unwrap_or_default());
        let former = keys.former.as_ref().map(|it| it.until);
        registry.has_key(socket::FIRST, keys.present.public, former);
        let mut nameserver = Self {
            registry,
            router,
            address,
            began: Instant::now(),
            foreign: 0,
            turned_away: 0,
            key_log: Some(key_log),
            keys: Some(dir.clone()),
            audit: None,
            told: Told::unkept(),
        };
        nameserver.try_unknown_key(keys.present.public)?;
        nameserver.audit = Some(Audit::begin(dir)?);
        Ok(nameserver)
    }

    /// What happens is kept in that folder, in files no larger than `most` bytes together.
    pub(crate) fn keep_events(&mut self, path: &Path, most: u64) -> Result<(), NameServerError> {
        let folder = events_folder(path)?;
        let kept = Told::kept(folder, path.to_owned(), most);
        let (told, before) = kept.map_err(|source| StateError::Io {
            verb: "open",
            path: path.to_owned(),
            source,
        })?;
        self.told = told;
        self.registry.recall_events(before.iter());
        Ok(())
    }

    /// A peer with a key that it has made itself dials, and is not to be admitted.
    fn try_unknown_key(&mut self, server: PublicKey) -> Result<(), NameServerError> {
        let trial = Trial::dial(&self.address, server)?;
        let refused = self.turned_away;
        loop {
            match trial.outcome()? {
                Some(Verdict::Admitted) => return Err(NameServerError::AdmitsUnknownKeys),
                Some(Verdict::Refused) => break,
                None => {}
            }
            self.answer_handshakes();
        }
        self.turned_away = refused;
        Ok(())
    }

    /// Where it listens, as members dial it: `tcp://127.0.0.1:7400`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Serves until a member asks it to end, until `end` can be read, or until `keeper` can, which is dead then.
    pub(crate) fn run(
        mut self,
        end: BorrowedFd<'_>,
        keeper: Option<BorrowedFd<'_>>,
    ) -> Result<Served, NameServerError> {
        self.told.begin();
        loop {
            let timeout = self.poll_timeout();
            let mut items = vec![
                self.router.poll_item(),
                zmq::PollItem::from_fd(end.as_raw_fd(), zmq::POLLIN),
            ];
            items.extend(keeper.map(|fd| zmq::PollItem::from_fd(fd.as_raw_fd(), zmq::POLLIN)));
            items.extend(self.router.handshakes());
            match zmq::poll(&mut items, timeout) {
                Ok(_) | Err(zmq::Error::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            let told_to_end = items[1].is_readable();
            let keeper_gone = keeper.is_some() && items[2].is_readable();
            for TurnedAway { key, place, why } in self.answer_handshakes() {
                let now = self.now();
                self.registry.on_turned_away(key, place, why, now);
            }
            let end = match (self.serve()?, told_to_end, keeper_gone) {
                (true, ..) => Some(NameServerEnd::Asked),
                (false, true, _) => Some(NameServerEnd::Told),
                (false, false, true) => Some(NameServerEnd::KeeperGone),
                (false, false, false) => None,
            };
            if let Some(end) = end {
                return Ok(Served {
                    end,
                    foreign: self.foreign,
                    turned_away: self.turned_away,
                });
            }
        }
    }

    fn answer_handshakes(&mut self) -> Vec<TurnedAway> {
        let now = self.now();
        let registry = &self.registry;
        let refused = self.router.answer_handshakes(|key, by| {
            registry.answers_to(by, now)?;
            registry.look_up(key, now)
        });
        self.turned_away += refused.len() as u64;
        refused
    }

    /// Carries out what has arrived. Tells whether a member asked for the end.
    fn serve(&mut self) -> Result<bool, NameServerError> {
        for _ in 0..BATCH {
            let Some(frames) = self.router.receive()? else {
                break;
            };
            self.on_frames(frames);
            if self.perform() {
                return Ok(true);
            }
        }
        let now = self.now();
        self.registry.on_time(now);
        let is_over = self.perform();
        for (to, envelope, body) in self.told.due(now) {
            // One that is gone asks again.
            let _ = self.router.send(&to, &envelope.encode(), body);
        }
        Ok(is_over)
    }

    fn on_frames(&mut self, frames: Frames) {
        let Frames::Two {
            from,
            header,
            content,
        } = frames
        else {
            self.foreign += 1;
            return;
        };
        match Envelope::decode(&header) {
            Ok(envelope) => {
                let now = self.now();
                self.registry.on_message(&from, envelope, content, now);
            }
            Err(error) => self.on_foreign(&from, error),
        }
    }

    /// Another version of osb is told so, in the words of this one: its decoder names the remedy.
    fn on_foreign(&mut self, from: &RoutingId, error: DecodeError) {
        self.foreign += 1;
        if matches!(error, DecodeError::Version { .. }) {
            let fault: Result<(), Fault> = Err(Fault::BadRequest {
                reason: error.to_string(),
            });
            let envelope = Envelope::answer(&fault, 0, Peer::NameServer);
            let content = fault.err().map(|fault| body(&fault)).unwrap_or_default();
            let _ = self.router.send(from, &envelope.encode(), content);
        }
    }

    /// Performs the registry's effects. Tells whether the end was one of them.
    fn perform(&mut self) -> bool {
        let mut end = false;
        let mut undelivered = Vec::new();
        let (mut revoked, mut rotations) = (Vec::new(), Vec::new());
        let mut forgotten: Option<String> = None;
        for effect in self.registry.effects() {
            if !matches!(effect, Effect::Occurred { .. }) {
                // Before anybody is told that they are there.
                self.told.write();
            }
            match effect {
                Effect::Occurred { what, at, by } => self.told.note(*what, at, by.map(|it| *it)),
                Effect::TellEvents {
                    to,
                    id,
                    after,
                    wait_ms,
                    level,
                } => {
                    let now = self.began.elapsed();
                    let until = now + events::wait(wait_ms);
                    let asker = Asker { to, id, level };
                    if let Some((to, envelope, body)) = self.told.ask(asker, after, until, now)
                        && let Err(not) = self.router.send(&to, &envelope.encode(), body)
                    {
                        undelivered.push((to, envelope, not));
                    }
                }
                Effect::Send {
                    to,
                    mut envelope,
                    mut body,
                } => {
                    if let Some(reason) = forgotten.as_deref()
                        && envelope.kind == MessageKind::Reply
                    {
                        (envelope, body) = not_written(reason, &envelope);
                    }
                    if let Err(not) = self.router.send(&to, &envelope.encode(), body) {
                        undelivered.push((to, envelope, not));
                    }
                }
                Effect::Remember(change) => {
                    let log = self.key_log.as_mut();
                    let written = log.map_or(Ok(()), |log| remember(log, &change));
                    forgotten = written.err().or(forgotten);
                }
                Effect::HangUp(key) => revoked.push(key),
                Effect::Rotate { to, id, until } => rotations.push((to, id, until)),
                Effect::Note(note) => {
                    if let Some(audit) = &mut self.audit {
                        audit.write(*note);
                    }
                }
                Effect::Warn(line) => {
                    let _ = writeln!(std::io::stderr(), "warning: {}", harmless(&line));
                }
                Effect::TellJournal { to, id, after } => {
                    let (envelope, body) = audit::answer(self.audit.as_ref(), id, after);
                    if let Err(not) = self.router.send(&to, &envelope.encode(), body) {
                        undelivered.push((to, envelope, not));
                    }
                }
                Effect::End => end = true,
            }
        }
        self.told.write();
        self.router.hang_up(&revoked);
        self.give_back(undelivered);
        for (to, id, until) in rotations {
            let outcome = self.rotate(until).map_err(|error| error.to_string());
            self.registry.on_rotated(&to, id, outcome);
            end |= self.perform();
        }
        end
    }

    fn give_back(&mut self, undelivered: Vec<(RoutingId, Envelope, NotSent)>) {
        if undelivered.is_empty() {
            return;
        }
        let now = self.now();
        for (to, envelope, (why, body)) in undelivered {
            self.registry.on_undelivered(&to, envelope, body, why, now);
        }
        // What this says may be undeliverable in turn, of kinds that are not answered.
        for effect in self.registry.effects() {
            match effect {
                Effect::Send { to, envelope, body } => {
                    debug_assert_ne!(envelope.kind, MessageKind::Request);
                    let _ = self.router.send(&to, &envelope.encode(), body);
                }
                Effect::Occurred { what, at, by } => self.told.note(*what, at, by.map(|it| *it)),
                _ => {}
            }
        }
    }

    /// Draws another key, writes it down, and answers to it from then on.
    fn rotate(&mut self, until: u64) -> Result<Rotated, NameServerError> {
        let new = draw_keys()?;
        let dir = self.keys.as_ref().ok_or(NameServerError::NoKeys)?;
        let former = dir.rotate_server(&new, until)?;
        Ok(Rotated {
            number: self.router.rotate(&new, &former)?,
            key: new.public,
            former: former.public,
            until,
        })
    }

    fn now(&self) -> Now {
        self.began.elapsed()
    }

    /// In milliseconds, rounded up so that the deadline is over when it ends; -1: no limit.
    fn poll_timeout(&self) -> i64 {
        let deadlines = [self.registry.next_deadline(), self.told.next_deadline()];
        let Some(deadline) = deadlines.into_iter().flatten().min() else {
            return -1;
        };
        let left = deadline.saturating_sub(self.now()) + Duration::from_micros(999);
        i64::try_from(left.as_millis()).unwrap_or(i64::MAX)
    }
}
