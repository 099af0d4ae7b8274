//! All that an agent is, while it runs. What it does stands beside: `requests` (what others ask
//! of it), `receive` and `handlers` (messages), `calls` (requests of its own), `program`.

use std::collections::BTreeMap;
use std::process;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::unistd::{Pid, getppid};
use serde_json::Value;
use zmq::Context;

use super::admission::Admission;
use super::adoption::Adoption;
use super::closing::Closing;
use super::control::{Control, Weight};
use super::core::{Life, Pending, Timers};
use super::exchange::{PendingReply, SentRequest, Ticket};
use super::launching::Launching;
use super::log::Log;
use super::program::Program;
use super::settling::SettlingFor;
use super::sockets::{LinkAt, Sockets};
use super::waiting::Waiting;
use super::wires::Wires;
use crate::model::{Alias, ConnectionInfo, ExitReport, KeyPair, State};
use crate::state::{EndRecord, SystemDir};
use crate::wire::{self, AgentBoot, Announcement, Envelope, NameServerRequest, Peer, body};
use crate::zeromq::{End, LOOK_EVERY, hang_up_dead};

/// How often the name server hears that the agent still works.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long the name server may take to answer an announcement, in milliseconds.
const ANNOUNCEMENT_LIMIT: u32 = 10_000;
/// How often to look, at the end, whether libzmq's queues are empty: it does not tell.
const GLANCE: Duration = Duration::from_millis(10);
/// How long a request waits that says nothing of it.
pub const DEFAULT_LIMIT: Duration = Duration::from_secs(30);

/// The agent.
pub struct Agent {
    pub boot: AgentBoot,
    pub log: Log,
    pub life: Life,
    pub context: Context,
    pub control: Control,
    /// None where everybody is let in.
    pub admission: Option<Admission>,
    pub sockets: Sockets,
    pub wires: Wires,
    pub attributes: BTreeMap<String, Value>,
    pub timers: Timers,
    /// Requests sent, by all sockets that ask.
    pub requests: Pending<SentRequest>,
    /// Requesters that wait for something to happen.
    pub waiting: Pending<Waiting>,
    /// Sockets that are closed at the end of this step.
    pub closing: Vec<Closing>,
    pub program: Option<Program>,
    /// Its program was launched, and somebody waits until it is ready.
    pub launching: Option<Launching>,
    /// Those who wait until its program has settled.
    pub settling: Vec<SettlingFor>,
    /// What the program is to answer.
    pub pending_replies: Pending<PendingReply>,
    /// Requests by channels that the program may answer at any time, by their numbers in `pending_replies`.
    pub deferred_replies: BTreeMap<u64, Ticket>,
    /// Lines of the program that said nothing.
    pub garbage_lines: u64,
    pub skipped_ticks: u64,
    /// How many tokens of proof have been made here.
    pub last_token: u64,
    /// The time of this turn of the loop.
    pub now: Duration,
    /// Its program, a thread, is still preparing itself: nobody is told of the agent yet.
    pub preparing: bool,
    /// Its sockets or connections have changed, and the name server does not know yet.
    pub unannounced: bool,
    /// The name server has taken note of this agent.
    registered: bool,
    /// The system that it was attached to, if it is.
    pub adoption: Option<Adoption>,
    /// Somebody has asked it to end.
    pub asked_to_end: bool,
    /// Nothing is waited for at the end.
    pub skip_linger: bool,
    /// What its program leaves running becomes a child of this process.
    pub adopts: bool,
    /// The mark of all that is started in this life.
    pub run: String,
    /// Whoever has started it.
    parent: Pid,
    /// It is at its end, and libzmq still has messages that no connection has taken.
    pub lingering: bool,
    began: Instant,
    next_heartbeat: Duration,
    /// When it is looked for dead connections next, with the heartbeat after that.
    next_look: Duration,
    announcement: u64,
}

impl Agent {
    pub fn new(boot: AgentBoot, log: Log) -> zmq::Result<Self> {
        let context = Context::new();
        let admission = match boot.keys {
            Some(_) => Some(Admission::bind(&context)?),
            None => None,
        };
        let control = Control::connect(&context, &boot.dial())?;
        let run = boot.incarnation.run();
        Ok(Self {
            admission,
            boot,
            log,
            life: Life::Preparing,
            context,
            control,
            sockets: Sockets::default(),
            wires: Wires::default(),
            attributes: BTreeMap::new(),
            timers: Timers::default(),
            requests: Pending::default(),
            waiting: Pending::default(),
            closing: Vec::new(),
            last_token: 0,
            program: None,
            launching: None,
            settling: Vec::new(),
            pending_replies: Pending::default(),
            deferred_replies: BTreeMap::new(),
            garbage_lines: 0,
            skipped_ticks: 0,
            now: Duration::ZERO,
            preparing: false,
            unannounced: false,
            registered: false,
            adoption: None,
            asked_to_end: false,
            adopts: false,
            run,
            skip_linger: false,
            parent: getppid(),
            lingering: false,
            began: Instant::now(),
            next_heartbeat: until_next_beat(),
            next_look: LOOK_EVERY,
            announcement: 0,
        })
    }

    /// By which it is known, in a closed system.
    pub fn own_keys(&self) -> Option<&KeyPair> {
        self.boot.keys.as_ref().map(|keys| &keys.own)
    }

    /// Reads the clock, once for each turn of the loop.
    pub fn tick_clock(&mut self) {
        self.now = self.began.elapsed();
    }

    /// The time now, for waiting only: all else happens at the turn's time.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Tells the name server the whole truth about this agent. If the line is down, that will be
    /// the first thing said when it is back.
    pub fn announce(&mut self) {
        if self.preparing {
            return;
        }
        let (envelope, body) = self.announcement();
        self.control.send(&envelope, body, Weight::Light);
    }

    /// Its program is prepared: from now on the agent is there for all.
    pub fn introduce(&mut self) {
        if std::mem::take(&mut self.preparing) {
            self.announce();
        }
    }

    /// The line to the name server takes messages again.
    pub fn control_is_back(&mut self) {
        let (envelope, body) = self.announcement();
        self.control.restore((&envelope, body));
    }

    /// Announces if anything has changed.
    pub fn announce_changes(&mut self) {
        if self.unannounced {
            self.announce();
        }
    }

    /// Announces at the end of a turn, unless somebody waits for more changes of the kind: many
    /// connections that are proven one after the other are one piece of news.
    pub fn announce_in_time(&mut self) {
        let wired = |(_, waiting): (u64, &Waiting)| matches!(waiting, Waiting::Wire { .. });
        if !self.waiting.iter().any(wired) {
            self.announce_changes();
        }
    }

    fn announcement(&mut self) -> (Envelope, Vec<u8>) {
        self.unannounced = false;
        self.announcement = self.control.next_id();
        let envelope = Envelope::request(self.announcement, ANNOUNCEMENT_LIMIT, Peer::NameServer);
        let announcement = Announcement::Agent {
            name: self.boot.name.clone(),
            incarnation: self.boot.incarnation,
            host: self.boot.host.clone(),
            pid: process::id(),
            state: State::Running,
            uptime_ms: u64::try_from(self.now.as_millis()).unwrap_or(u64::MAX),
            addresses: self.sockets.addresses(),
            connections: self.connections(),
        };
        (envelope, body(&NameServerRequest::Announce(announcement)))
    }

    fn connections(&self) -> Vec<ConnectionInfo> {
        let mut connections = Vec::new();
        for (socket, slot) in self.sockets.numbered() {
            let links = slot.connections(self.now);
            connections.extend(links.map(|(link, info)| {
                let at = LinkAt { socket, link };
                self.wires.seen(info, at, self.now)
            }));
        }
        connections.extend(self.wires.unresolved(self.now));
        connections
    }

    /// Whether `id` is that of the latest announcement.
    pub fn is_announcement(&self, id: u64) -> bool {
        self.announcement == id
    }

    /// The name server has taken an announcement. Who started the agent by hand sees it in the log.
    pub fn note_registered(&mut self) {
        if std::mem::replace(&mut self.registered, true) {
            return;
        }
        if self.boot.host.is_none() {
            let (name, at) = (&self.boot.name, &self.boot.nameserver);
            self.log.info(&format!("{name} is registered at {at}"));
        }
        self.tell_registered();
    }

    pub fn heartbeat_if_due(&mut self) {
        if self.now < self.next_heartbeat {
            return;
        }
        self.next_heartbeat = self.now + until_next_beat();
        if self.preparing {
            return;
        }
        let envelope = Envelope::oneway(Peer::NameServer);
        let body = body(&NameServerRequest::Heartbeat {});
        self.control.send(&envelope, body, Weight::Light);
        self.see_to_accounts();
        self.look_for_the_dead();
    }

    /// Ends connections, to the name server and of data sockets, whose other end has gone without a word
    /// while data was under way. Those that were dialled from here are dialled anew.
    fn look_for_the_dead(&mut self) {
        if self.now < self.next_look {
            return;
        }
        self.next_look = self.now + LOOK_EVERY;
        let ours = |end: &End| {
            end.leads_to(&self.boot.nameserver) || self.sockets.iter().any(|slot| slot.has_end(end))
        };
        for end in hang_up_dead(ours) {
            self.log.warn(&format!(
                "the connection with {} is given up: nobody answers there any more",
                end.there
            ));
        }
    }

    /// Says goodbye to the name server.
    pub fn leave(&mut self) {
        let id = self.control.next_id();
        let envelope = Envelope::request(id, ANNOUNCEMENT_LIMIT, Peer::NameServer);
        let end = self.life.code().map(|code| wire::End {
            exit: ExitReport {
                status: Some(code),
                signal: None,
                log: Vec::new(),
            },
            asked: self.asked_to_end,
        });
        let body = body(&NameServerRequest::Leave { end });
        self.control.send(&envelope, body, Weight::Light);
    }

    /// The end: what could not be sent is told, and all is closed.
    pub fn farewell(mut self) {
        self.leave_behind();
        let unsent = self.sockets.unsent();
        for (alias, count) in &unsent {
            self.log.warn(&match count {
                1 => format!("1 message was not sent by {alias}"),
                count => format!("{count} messages were not sent by {alias}"),
            });
        }
        self.leave_unsent(&unsent);
        for at in self.sockets.ids() {
            self.tell_at_the_end(at);
        }
        self.abandon_program();
        self.end_leftovers();
        self.send_log();
        self.leave();
        // What has not left in its time does not leave any more, or more would be told than is so.
        self.sockets.close(self.skip_linger || !unsent.is_empty());
    }

    /// For its host daemon, which finds it when the process has ended.
    fn leave_unsent(&mut self, unsent: &BTreeMap<Alias, u64>) {
        let Some(dir) = self.boot.dir.clone().filter(|_| !unsent.is_empty()) else {
            return;
        };
        let written = SystemDir::at(dir).write_unsent(self.boot.incarnation, unsent);
        if let Err(error) = written {
            let line = format!("what was not sent cannot be written down for its host: {error}");
            self.log.warn(&line);
        }
    }

    /// Leaves what is to be known of it after its end: its attributes, if it ends by itself; and how it ends, if
    /// whoever has started it is gone and nobody will see it. That it cannot, because the disk is full say, is
    /// in the log.
    fn leave_behind(&mut self) {
        let Some(dir) = self.boot.dir.clone().map(SystemDir::at) else {
            return;
        };
        let incarnation = self.boot.incarnation;
        let mut outcome = Ok(());
        if self.parent != getppid() {
            let record = EndRecord {
                agent: self.boot.name.clone(),
                incarnation,
                status: self.life.code(),
                signal: None,
            };
            outcome = record.append(&dir.ends_path());
        }
        if !self.asked_to_end && !self.attributes.is_empty() {
            outcome = outcome.and(dir.write_left(incarnation, &self.attributes));
        }
        if let Err(error) = outcome {
            let line = format!("its attributes, or its end, cannot be written down: {error}");
            self.log.warn(&line);
        }
    }

    /// When there is something to do even if nothing happens.
    pub fn wakes_at(&self) -> Duration {
        [
            self.timers.wakes_at(),
            self.requests.wakes_at(),
            self.waiting.wakes_at(),
            self.pending_replies.wakes_at(),
            self.life.wakes_at(),
            self.lingering.then(|| self.now + GLANCE),
            self.launching.as_ref().map(Launching::wakes_at),
            self.settling.iter().map(SettlingFor::wakes_at).min(),
            self.unfinished_at(),
            self.wires.wakes_at(),
        ]
        .into_iter()
        .flatten()
        .fold(self.next_heartbeat, Duration::min)
    }
}

/// How long until the next heartbeat: to the full second that is nearest to a second from now. All
/// agents of a machine keep the same beat, so that it wakes once for all of them when they are idle,
/// and not a hundred times.
fn until_next_beat() -> Duration {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH);
    let past = Duration::from_nanos(wall.unwrap_or_default().subsec_nanos().into());
    match HEARTBEAT - past {
        soon if soon < HEARTBEAT / 2 => soon + HEARTBEAT,
        next => next,
    }
}
