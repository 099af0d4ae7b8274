//! All that an agent is, while it runs. Its parts own their state: `membership` (what the name server
//! knows), `sockets`, `wires` and requesters that wait for them (`waiting`), `exchange` (requests and answers
//! under way), `program`, `core::Timers`, `core::Life`.
//!
//! Its verbs have a file each: `requests` (what others ask of it), `receive` (all
//! that arrives passes there), `handlers` and `answers`, `calls` (requests of its own), `wiring`,
//! `announce`, `lead`, `launch`, `close`, `farewell`. Those files use the agent; it does not use them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nix::unistd::{Pid, getppid};
use serde_json::Value;
use zmq::Context;

use super::admission::Admission;
use super::adoption::Adoption;
use super::closing::Closing;
use super::control::Control;
use super::core::{Condition, History, Life, Pending, Settling, Steps, Timers};
use super::draining::Draining;
use super::exchange::Exchange;
use super::given::Given;
use super::launching::Launching;
use super::leaving::Leaving;
use super::log::Log;
use super::membership::Membership;
use super::program::Program;
use super::relaunching::Relaunching;
use super::sockets::Sockets;
use super::taps::Taps;
use super::waiting::Waiting;
use super::watch::Watch;
use super::wires::Wires;
use crate::model::timing::LINGER_INTERVAL;
use crate::model::{Cause, KeyPair};
use crate::process::MemoryWatch;
use crate::wire::{AgentBoot, Incarnation};

/// The agent.
pub(crate) struct Agent {
    pub boot: AgentBoot,
    pub given: Given,
    /// The life of this agent that has its name until this one takes over.
    pub successor_of: Option<Incarnation>,
    pub log: Log,
    pub life: Life,
    /// How far it has come from its spec to its work.
    pub steps: Steps,
    pub context: Context,
    pub membership: Membership,
    /// What it has said of itself, to tell what has happened since.
    pub history: History,
    /// Until when attributes that get another value are told of.
    pub attributes_followed: Duration,
    /// None where every peer is admitted.
    pub admission: Option<Admission>,
    pub sockets: Sockets,
    pub wires: Wires,
    /// Members that look at what passes.
    pub taps: Taps,
    pub attributes: BTreeMap<String, Value>,
    pub timers: Timers,
    pub exchange: Exchange,
    /// Requesters that wait for something to happen.
    pub waiting: Pending<Waiting>,
    /// The numbers under which writers wait that have left.
    pub being_left: Vec<u64>,
    /// It takes in what is under way, and a member waits for that.
    pub draining: Option<Draining>,
    /// It was asked to drain, so that its connections were left out.
    pub drained: bool,
    /// Ends of wires that it keeps no more, and from which answers are to come.
    pub leaving: Vec<Leaving>,
    /// Sockets that are closed at the end of this step.
    pub closing: Vec<Closing>,
    pub program: Option<Program>,
    /// How it stands with a program that has ended while the agent is whole.
    pub relaunching: Relaunching,
    /// Its program was launched, and a member waits until it is ready.
    pub launching: Option<Launching>,
    /// How its program is watched while it runs.
    pub watch: Option<Watch>,
    /// How it stands with the program, as it was told last.
    pub shown: Condition,
    /// How often the kernel had killed something for want of memory when its program began.
    pub memory: MemoryWatch,
    /// Why it ends, if it does so because of its program.
    pub cause: Option<Cause>,
    /// Its program has begun, and has not settled yet.
    pub settling: Option<Settling>,
    /// Lines of the program that said nothing.
    pub garbage_lines: u64,
    pub skipped_ticks: u64,
    /// How many tokens of proof have been made here.
    pub last_token: u64,
    /// The time of this turn of the loop.
    pub now: Duration,
    /// The system that it was attached to, if it is.
    pub adoption: Option<Adoption>,
    /// A member has asked it to end.
    pub asked_to_end: bool,
    /// A member has, through the agent itself: its host is not to start it again.
    pub stays_down: bool,
    /// Nothing is waited for at the end.
    pub skip_linger: bool,
    /// What its program leaves running becomes a child of this process.
    pub adopts: bool,
    /// The mark of all that is started in this life.
    pub run: String,
    /// The process that has started it.
    pub parent: Pid,
    /// It is at its end, and libzmq still has messages that no connection has taken.
    pub lingering: bool,
    began: Instant,
}

impl Agent {
    pub(crate) fn new(boot: AgentBoot, log: Log) -> zmq::Result<Self> {
        let context = Context::new();
        let admission = match boot.keys {
            Some(_) => Some(Admission::bind(&context)?),
            None => None,
        };
        let control = Control::connect(&context, &boot.dial())?;
        let (incarnation, run) = (boot.incarnation, boot.incarnation.run());
        Ok(Self {
            admission,
            successor_of: boot.successor_of,
            boot,
            given: Given::default(),
            log,
            life: Life::Preparing,
            steps: Steps::default(),
            context,
            membership: Membership::new(control, incarnation),
            history: History::default(),
            attributes_followed: Duration::ZERO,
            sockets: Sockets::default(),
            wires: Wires::default(),
            taps: Taps::default(),
            attributes: BTreeMap::new(),
            timers: Timers::default(),
            exchange: Exchange::default(),
            waiting: Pending::default(),
            being_left: Vec::new(),
            draining: None,
            drained: false,
            leaving: Vec::new(),
            closing: Vec::new(),
            last_token: 0,
            program: None,
            relaunching: Relaunching::default(),
            launching: None,
            watch: None,
            shown: Condition::Well,
            memory: MemoryWatch::default(),
            cause: None,
            settling: None,
            garbage_lines: 0,
            skipped_ticks: 0,
            now: Duration::ZERO,
            adoption: None,
            asked_to_end: false,
            stays_down: false,
            adopts: false,
            run,
            skip_linger: false,
            parent: getppid(),
            lingering: false,
            began: Instant::now(),
        })
    }

    /// By which it is known, in a closed system.
    pub(crate) fn own_keys(&self) -> Option<&KeyPair> {
        self.boot.keys.as_ref().map(|keys| &keys.own)
    }

    /// Reads the clock, once for each turn of the loop.
    pub(crate) fn tick_clock(&mut self) {
        self.now = self.began.elapsed();
    }

    /// The time now, for waiting only: all else happens at the turn's time.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// When there is something to do even if nothing happens.
    pub(crate) fn wakes_at(&self) -> Duration {
        [
            self.timers.wakes_at(),
            self.exchange.wakes_at(),
            self.waiting.wakes_at(),
            self.life.wakes_at(),
            self.lingering.then(|| self.now + LINGER_INTERVAL),
            self.launching.as_ref().map(Launching::wakes_at),
            self.settling.map(Settling::wakes_at),
            self.relaunch_wakes_at(),
            self.unfinished_at(),
            self.health_wakes_at(),
            self.wires.wakes_at(),
            self.taps.wakes_at(),
        ]
        .into_iter()
        .flatten()
        .fold(self.membership.wakes_at(), Duration::min)
    }
}
