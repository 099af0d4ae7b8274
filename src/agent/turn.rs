//! The main loop: wait until something happens, see to it, wait again. Nothing here polls by the
//! clock; what is due next is the longest that it waits.

use std::time::Duration;

use zmq::{POLLIN, POLLOUT, PollEvents, PollItem};

use super::core::{Effect, Life};
use super::signals::Signals;
use super::sockets::SlotId;
use super::state::Agent;
use crate::model::Kind;

/// How long one that begins in a system that works takes in no messages until it is wired.
const UNWIRED_PATIENCE: Duration = Duration::from_secs(1);
/// The longest wait, in milliseconds.
const LONGEST: u64 = 3_600_000;

/// What can become ready.
#[derive(Debug, Clone, Copy)]
enum Source {
    Signals,
    Control,
    ControlMonitor,
    /// A peer asks to be admitted.
    Admission,
    Monitor(SlotId),
    Data(SlotId),
    /// The second socket of a SYNC channel, and its monitor.
    RequestSocket(SlotId),
    RequestMonitor(SlotId),
    ProgramExit,
    ProgramOutput,
    ProgramErrors,
    ProgramInput,
    Attempt,
    Check,
    /// One who looks at what passes says how much may be shown.
    Taps,
}

/// What has become ready.
struct Ready {
    source: Source,
    readable: bool,
    writable: bool,
}

/// Runs the agent to its end and tells its exit status.
pub(crate) fn run(agent: &mut Agent, signals: Option<&Signals>) -> i32 {
    agent.announce();
    agent.go_alone();
    loop {
        let ready = wait(agent, signals);
        agent.tick_clock();
        for ready in ready {
            attend(agent, &ready, signals);
        }
        agent.see_to_the_clock();
        agent.finish_closing();
        if let Life::Over { code } = agent.life {
            return code;
        }
    }
}

/// Waits until something is ready, or due.
fn wait(agent: &Agent, signals: Option<&Signals>) -> Vec<Ready> {
    let (sources, mut items) = watched(agent, signals);
    agent_sleep(agent, &mut items);
    let ready = |(source, item): (Source, &PollItem)| {
        let readable = item.is_readable() || item.is_error();
        let writable = item.is_writable();
        (readable || writable).then_some(Ready {
            source,
            readable,
            writable,
        })
    };
    sources.into_iter().zip(&items).filter_map(ready).collect()
}

fn agent_sleep(agent: &Agent, items: &mut [PollItem]) {
    let wait = agent.wakes_at().saturating_sub(agent.elapsed());
    // Rounded up: too early would be a turn for nothing.
    let ms = wait.as_nanos().div_ceil(1_000_000).min(LONGEST.into());
    // An interrupted wait is a turn in which nothing is ready.
    let _ = zmq::poll(items, i64::try_from(ms).unwrap_or(i64::MAX));
}

fn watched<'a>(agent: &'a Agent, signals: Option<&'a Signals>) -> (Vec<Source>, Vec<PollItem<'a>>) {
    let mut sources = Vec::with_capacity(6 + 2 * agent.sockets.len());
    let mut items = Vec::with_capacity(sources.capacity());
    let mut watch = |source: Source, item: PollItem<'a>| {
        sources.push(source);
        items.push(item);
    };
    if let Some(signals) = signals {
        watch(Source::Signals, PollItem::from_fd(signals.fd(), POLLIN));
    }
    let control = both(true, agent.membership.control.down());
    watch(
        Source::Control,
        agent.membership.control.socket().as_poll_item(control),
    );
    watch(
        Source::ControlMonitor,
        agent.membership.control.monitor().as_poll_item(POLLIN),
    );
    if let Some(admission) = &agent.admission {
        watch(
            Source::Admission,
            admission.zap().socket().as_poll_item(POLLIN),
        );
    }
    if let Some(taps) = agent.taps.socket() {
        watch(Source::Taps, taps.socket().as_poll_item(POLLIN));
    }
    for (at, slot) in agent.sockets.numbered() {
        if let Some(monitor) = &slot.monitor {
            watch(Source::Monitor(at), monitor.as_poll_item(POLLIN));
        }
        let awaited = agent.is_awaited(at);
        let events = both(
            agent.wants_to_read(at),
            awaited && slot.request_socket.is_none(),
        );
        if !events.is_empty() {
            watch(Source::Data(at), slot.socket.as_poll_item(events));
        }
        if let Some(request_socket) = &slot.request_socket {
            if let Some(monitor) = request_socket.monitor() {
                watch(Source::RequestMonitor(at), monitor.as_poll_item(POLLIN));
            }
            let events = both(agent.takes_requests(at), awaited);
            if !events.is_empty() {
                watch(
                    Source::RequestSocket(at),
                    request_socket.socket().as_poll_item(events),
                );
            }
        }
    }
    if let Some(program) = agent.watched_program() {
        watch(Source::ProgramExit, PollItem::from_fd(program.exit, POLLIN));
        if let Some(output) = program.output {
            watch(Source::ProgramOutput, PollItem::from_fd(output, POLLIN));
        }
        if let Some(errors) = program.errors {
            watch(Source::ProgramErrors, PollItem::from_fd(errors, POLLIN));
        }
        if let Some(input) = program.input {
            watch(Source::ProgramInput, PollItem::from_fd(input, POLLOUT));
        }
    }
    if let Some(attempt) = agent.watched_attempt() {
        let (fd, events) = attempt.fd();
        watch(Source::Attempt, PollItem::from_fd(fd, events));
    }
    if let Some(check) = agent.watched_check() {
        let (fd, events) = check.fd();
        watch(Source::Check, PollItem::from_fd(fd, events));
    }
    (sources, items)
}

fn both(read: bool, write: bool) -> PollEvents {
    let mut events = PollEvents::empty();
    events.set(POLLIN, read);
    events.set(POLLOUT, write);
    events
}

fn attend(agent: &mut Agent, ready: &Ready, signals: Option<&Signals>) {
    match ready.source {
        Source::Signals => {
            let arrived = signals.map(Signals::take_in).unwrap_or_default();
            if arrived.children {
                agent.reap_orphans();
            }
            (0..arrived.requests.min(2)).for_each(|_| agent.on_signal());
        }
        Source::Control => {
            if ready.writable && agent.membership.control.down() {
                agent.control_is_back();
            }
            if ready.readable {
                agent.drain_control();
            }
        }
        Source::ControlMonitor => agent.look_at_control(),
        Source::Admission => agent.attend_admission(),
        Source::ProgramExit => agent.on_program_exit(),
        Source::ProgramOutput => agent.drain_program(),
        Source::ProgramErrors => agent.drain_program_errors(),
        Source::Attempt => agent.on_attempt(),
        Source::Check => agent.on_check(),
        Source::Taps => agent.taps.read_grants(),
        // It is written to at the end of every turn.
        Source::ProgramInput => {}
        Source::Monitor(at) => agent.drain_monitor(at),
        Source::RequestMonitor(at) => agent.drain_request_monitor(at),
        Source::RequestSocket(at) => {
            if ready.writable {
                agent.flush(at);
            }
            if ready.readable && agent.takes_requests(at) {
                agent.drain_messages(at);
            }
        }
        Source::Data(at) => {
            if ready.writable {
                agent.flush(at);
            }
            if ready.readable && agent.wants_to_read(at) {
                agent.drain(at);
            }
        }
    }
}

impl Agent {
    /// Whether messages are taken in from this socket now: not while what they lead to is full.
    fn wants_to_read(&self, at: SlotId) -> bool {
        let Some(slot) = self.sockets.get(at) else {
            return false;
        };
        match slot.kind {
            Kind::Push => false,
            Kind::Pub | Kind::SyncPub => true,
            Kind::Req | Kind::AsyncReq => self.has_room_after(&self.after(at)),
            Kind::Pull | Kind::Sub | Kind::Rep | Kind::AsyncRep | Kind::SyncSub => {
                self.takes_in() && self.has_room_after(&self.after(at))
            }
        }
    }

    /// Whether it does anything with messages now. In a system that works, peers send from the moment that they are connected:
    /// until it is wired to where its own messages go, theirs wait.
    fn takes_in(&self) -> bool {
        !self.life.ending() && (self.steps.has_wired() || !self.waits_to_be_wired())
    }

    /// One that goes alone does not wait long: where its messages go may be cut off.
    fn waits_to_be_wired(&self) -> bool {
        let sends = self.given.wires.iter().any(|it| it.kind.sends());
        sends && !(self.steps.is_alone() && self.now > UNWIRED_PATIENCE)
    }

    /// Whether requests are taken in at a SYNC_PUB now.
    fn takes_requests(&self, at: SlotId) -> bool {
        let slot = self.sockets.get(at);
        let answers = slot.is_some_and(|slot| slot.kind.answers());
        answers && self.takes_in() && self.has_room_after(&self.after(at))
    }

    /// Asked by a signal to end; asked twice, it ends at once.
    fn on_signal(&mut self) {
        self.asked_to_end |= !self.life.ending();
        match self.life {
            life if life.ending() => {
                self.skip_linger = true;
                // A program that is still there is killed at the farewell.
                let is_killed = self.has_program();
                self.life.over(match self.life.code() {
                    _ if is_killed => 128 + 9,
                    // It took a signal to end the program: that is still so.
                    Some(code) if code > 128 => code,
                    Some(_) | None => 1,
                });
            }
            _ => self.end(0),
        }
    }

    fn see_to_the_clock(&mut self) {
        self.heartbeat_if_due();
        self.expire_waiting();
        self.expire_requests();
        self.expire_pending_replies();
        self.run_timers();
        self.see_to_wires();
        self.see_to_those_that_left();
        self.see_to_draining();
        self.go_on_leaving();
        self.send_log();
        self.see_to_taps();
        self.resume_program();
        self.see_to_relaunch();
        self.see_to_launch();
        self.see_to_settling();
        self.see_to_health();
        self.see_to_late_calls();
        self.flush_program();
        self.keep_unfinished();
        self.announce_in_time();
        let program = self.has_program();
        self.lingering = self.life.ending() && !self.sockets.unsent().is_empty();
        let queued = self.lingering || self.sockets.queued() || self.owes_to_program();
        match self.life.tick(self.now, program, queued) {
            Some(Effect::Terminate) => self.signal_program(false),
            Some(Effect::Kill) => self.signal_program(true),
            None => {}
        }
    }
}
