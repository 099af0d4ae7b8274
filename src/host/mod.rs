//! The host daemon: starts agents on its machine, notices at once when one ends, and stops them.
//!
//! It decides nothing: requests, ends and the clock go into [`Supervision`], and what comes out is
//! done here. Agents are no part of it: they go on when it dies.

mod alter;
mod attached;
mod boot;
mod boots;
mod child;
mod commands;
mod companions;
mod effects;
mod ended;
mod ephemeral;
mod examine;
mod facts;
mod happened;
mod keys;
mod lead;
mod leftovers;
mod log_piece;
mod log_tail;
mod logs;
mod moved;
mod notify;
mod renewal;
mod requests;
mod restart;
mod signals;
mod spawn;
mod specs;
mod succeed;
mod taken_back;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc};

use crate::events::Outbox;
use crate::keeper::{Kept, KeptWord, Listener};
use crate::model::timing::{CONTROL_TIMEOUT, LAST_WORD_TIMEOUT};
use crate::model::{
    AgentName, Alias, Credentials, Dial, Grace, HostId, KeyPair, Leftover, Millis, NameServerName,
    harmless,
};
use crate::process::{
    Cgroup, Ended, MemoryWatch, adopt_orphans, ended_child, raise_descriptors, reap,
};
use crate::proxy::{Incoming, Link, ProxyError};
use crate::state::{StateError, SystemDir, own};
use crate::supervision::{Boots, Companions, Now, Spawns, Supervision, Ticket};
use crate::wire::{Announcement, Envelope, Fault, Incarnation, NameServerRequest, Peer};
use alter::{Altering, Outcome};
use attached::{Adopted, AllAttached};
use child::{Child, Spawner};
use examine::Listening;
use keys::LetIn;
use logs::LogReaders;
use restart::Resolved;
use signals::Signals;
use spawn::Looked;
use specs::Specs;
use taken_back::Unseen;

pub(crate) use log_tail::{end_of_logs, last_words};
pub(crate) use logs::ends_of_logs;
pub(crate) use notify::notify;

/// Why a host daemon cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("the operating system refuses: {0}")]
    Io(#[from] std::io::Error),
}

/// What a host daemon needs to know.
#[derive(Debug, Clone)]
pub(crate) struct HostOptions {
    pub name: HostId,
    pub dial: Dial,
    /// The file of its key, if that outlasts it.
    pub key_file: Option<PathBuf>,
    /// The name server's name within its system, if it is not the first.
    pub group: Option<NameServerName>,
    /// Where logs, ipc sockets and the list of processes go.
    pub dir: SystemDir,
    /// What peers dial to reach this machine.
    pub advertise: IpAddr,
    /// The pid of the daemon in whose place it comes, which has ended.
    pub succeeds: Option<u32>,
    /// Name servers may come and go, and it waits for them: it was started by others than `up`, or is there again.
    pub patient: bool,
    /// What its folder knows is of this very system. Else it may be of one that is long gone.
    pub of_system: bool,
    /// It was started by its machine's service manager: it starts the agents of its folder, once.
    pub boot: bool,
    /// Is told at which address it is registered, each time, if it is patient.
    pub on_registered: fn(&str),
}

impl HostOptions {
    /// Agents of several name servers may have one name, and so would files for their sockets.
    fn ipc_dir(&self) -> PathBuf {
        let all = self.dir.ipc();
        match &self.group {
            Some(group) => all.join(group.as_str()),
            None => all,
        }
    }
}

/// Something for the daemon to deal with.
enum Input {
    Incoming(Incoming),
    NotAsked(AgentName),
    /// What is run because an agent has failed has had its time.
    CommandLate(u32),
    /// A life of an agent that others have started was made the system's, or could not be.
    Adopted(Box<Adopted>),
    /// Whether the name of an agent that is asked for is free, and what it refers to.
    Looked(Box<Looked>),
    /// An agent has been altered, or could not be.
    Altered(Box<Outcome>),
    /// The key of an agent that is to be started has been let in, or has not.
    LetIn(Box<LetIn>),
    /// The name server admits another key of this daemon.
    Renewed(Box<KeyPair>),
    /// What an agent refers to that is to be started again was looked up.
    Resolved(Box<Resolved>),
    /// The name server at that address has taken note.
    Registered(String),
    /// It has what has happened up to that number. None: it does not answer.
    Kept(Option<u64>),
    Refused(ProxyError),
    Terminate(Grace),
    /// Children have ended: agents, or what was adopted of theirs.
    Children,
    /// Agents of a daemon before this one have ended: this one, or others, as their keeper has seen.
    TakenBackEnded(Option<AgentName>),
    /// Of agents that have ended unseen, those that the name server takes for alive.
    StillKnown(HashSet<AgentName>),
    Time,
    /// A requester waits for logs, and one has grown.
    Written,
    Disconnected,
}

/// How a host daemon has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostEnd {
    /// A member has asked it to end, and so have its agents.
    Asked,
    /// The same by a signal, or because it can be a member no more.
    Told,
    /// Its keeper is dead. Its agents go on.
    KeeperGone,
}

/// Runs a host daemon until it is asked to end or gets SIGTERM, and all its agents have ended; or until its keeper, if it
/// has one, is dead.
pub(crate) async fn run(options: HostOptions, kept: Option<Kept>) -> Result<HostEnd, HostError> {
    // One for each agent, at least.
    raise_descriptors(None);
    let mut signals = Signals::new()?;
    if let Some(kept) = &kept {
        kept.heed_signals()?;
    }
    // Where that is not possible, all but what leaves its process group is ended.
    let _ = adopt_orphans();
    let (link, incoming) = open(&options)?;
    let mut host = Host::new(options, link, kept)?;
    host.take_back();
    host.forget_ephemeral_that_ended_with_the_machine();
    if host.options.patient {
        if host.options.boot {
            // They are all to run again, however they have ended.
            host.unseen.clear();
        }
        // If it does not arrive: the first heartbeat that does is that of an unregistered member, and then it is made again.
        host.announce_again();
        host.tell_begun();
        return host.serve(incoming, signals).await;
    }
    tokio::select! {
        outcome = host.announce() => outcome?,
        // It has begun nothing yet.
        _ = signals.next() => return Ok(HostEnd::Told),
    }
    host.tell_begun();
    host.follow_again();
    host.see_to_unseen();
    host.tell_of_gone();
    host.end_half_spawned();
    host.serve(incoming, signals).await
}

/// Dials the name server; whether it is there yet does not matter to one that waits for it.
fn open(options: &HostOptions) -> Result<(Link, mpsc::UnboundedReceiver<Incoming>), ProxyError> {
    match options.patient {
        true => Link::open_unprobed(&options.dial),
        false => Link::open(&options.dial),
    }
}

struct Host {
    options: HostOptions,
    /// None: it has no keeper.
    kept: Option<Kept>,
    link: Arc<Link>,
    /// The messages of the link, if that is a new one.
    fresh: Option<mpsc::UnboundedReceiver<Incoming>>,
    incarnation: Incarnation,
    /// What has happened, until the name server has it.
    outbox: Outbox,
    /// Of each agent, the last life of whose end it was told.
    ends_told: HashMap<AgentName, Incarnation>,
    began: Instant,
    /// How often the kernel had killed something for want of memory.
    memory: MemoryWatch,
    supervision: Supervision,
    companions: Companions,
    /// The order in which agents get to work that came with the machine.
    boots: Boots,
    /// Agents that are asked for at run time, and on their way.
    spawns: Spawns,
    /// Agents that are forgotten when they have ended, by the requests for that.
    removing: HashMap<Ticket, AgentName>,
    /// For each agent, those whose programs refer to its sockets, or have done so.
    referrers: BTreeMap<AgentName, BTreeSet<AgentName>>,
    spawner: Spawner,
    specs: Specs,
    attached: AllAttached,
    /// Agents that are being altered, with what they are to be next.
    altering: Altering,
    children: HashMap<AgentName, Child>,
    /// What is run because agents have failed, by its pid.
    commands: HashMap<u32, AgentName>,
    /// Whose pids these are.
    pids: HashMap<u32, AgentName>,
    /// Of agents that have ended: how many messages had not left their sockets.
    unsent: HashMap<AgentName, BTreeMap<Alias, u64>>,
    /// Of agents that have ended since the last report: what they had left running, and was killed.
    killed: HashMap<AgentName, Vec<Leftover>>,
    /// The last life of each agent, by its mark.
    lives: HashMap<String, AgentName>,
    /// Lives that are over, of which no process is to live on, by their marks.
    over: HashMap<String, AgentName>,
    /// Agents that are to take the place of others, at other hosts, and have not done so: those lives.
    succeeding: HashMap<AgentName, Incarnation>,
    /// How often each agent was started, also by daemons before this one.
    started: HashMap<AgentName, u32>,
    /// The last life of each agent, by its name.
    last_lives: HashMap<AgentName, Incarnation>,
    /// Groups of agents that have ended, and in which something may still be.
    cgroups: Vec<Cgroup>,
    /// How its end has come about, when it ends.
    end: HostEnd,
    /// How long the name server may take to note that this daemon leaves.
    leave_timeout: Duration,
    /// In a closed system: those of agents that are about to start.
    agents_keys: HashMap<AgentName, Credentials>,
    /// Requests that are to be answered later.
    tickets: HashMap<Ticket, Envelope>,
    next_ticket: u64,
    /// The requesters that wait for logs to grow.
    readers: LogReaders,
    /// Agents of a daemon before this one that have ended, and of which the name server is to hear.
    unseen: Vec<Unseen>,
    /// Ephemeral agents that have ended with their machine, and of which the name server is to hear that.
    gone: Vec<(AgentName, Incarnation)>,
    /// Where it is written down how agents have ended. None until there is something to write down.
    ends: Option<File>,
    /// Examinations for which the daemon listens here, by their tokens.
    examinations: HashMap<String, Listening>,
    /// How many more may dial for an examination.
    dialling: Arc<Semaphore>,
    inputs: mpsc::UnboundedSender<Input>,
    received: mpsc::UnboundedReceiver<Input>,
}

impl Host {
    fn new(options: HostOptions, link: Link, kept: Option<Kept>) -> Result<Self, HostError> {
        let (inputs, received) = mpsc::unbounded_channel();
        own::make(&options.ipc_dir())?;
        let specs = Specs::read(&options.dir);
        let incarnation = Incarnation::draw();
        Ok(Self {
            spawner: Spawner::new(&options.dir, options.group.clone())?,
            attached: attached::kept(&specs, options.group.as_ref()),
            altering: Altering::new(),
            specs,
            options,
            kept,
            link: Arc::new(link),
            fresh: None,
            incarnation,
            outbox: Outbox::new(incarnation),
            ends_told: HashMap::new(),
            began: Instant::now(),
            memory: MemoryWatch::begin(),
            supervision: Supervision::default(),
            companions: Companions::default(),
            boots: Boots::default(),
            spawns: Spawns::default(),
            removing: HashMap::new(),
            referrers: BTreeMap::new(),
            children: HashMap::new(),
            commands: HashMap::new(),
            pids: HashMap::new(),
            unsent: HashMap::new(),
            killed: HashMap::new(),
            lives: HashMap::new(),
            last_lives: HashMap::new(),
            over: HashMap::new(),
            succeeding: HashMap::new(),
            started: HashMap::new(),
            cgroups: Vec::new(),
            end: HostEnd::Told,
            leave_timeout: LAST_WORD_TIMEOUT,
            agents_keys: HashMap::new(),
            tickets: HashMap::new(),
            next_ticket: 0,
            readers: LogReaders::default(),
            unseen: Vec::new(),
            gone: Vec::new(),
            ends: None,
            examinations: HashMap::new(),
            dialling: examine::turns(),
            inputs,
            received,
        })
    }

    fn announcement(&self) -> NameServerRequest {
        NameServerRequest::Announce(Announcement::Host {
            name: self.options.name.clone(),
            incarnation: self.incarnation,
            pid: self.pid(),
            former_pids: self.options.dir.former_keepers(self.pid()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_ms: Millis::from(self.began.elapsed()).get(),
            address: Some(self.options.advertise),
            succeeds: self.options.succeeds,
        })
    }

    /// The pid by which it is known, which is its keeper's.
    fn pid(&self) -> u32 {
        let keeper = self.kept.as_ref().map(|kept| kept.keeper().pid);
        keeper.unwrap_or_else(std::process::id)
    }

    fn has_stood(&self) -> bool {
        self.kept.as_ref().is_some_and(Kept::has_stood)
    }

    async fn announce(&self) -> Result<(), ProxyError> {
        self.link
            .ask(Peer::NameServer, &self.announcement(), CONTROL_TIMEOUT)
            .await
    }

    /// Without waiting. The user who has started it by hand is told how that went.
    fn announce_again(&self) {
        if !self.options.patient {
            return self.link.tell(Peer::NameServer, &self.announcement());
        }
        let asked = self
            .link
            .ask::<()>(Peer::NameServer, &self.announcement(), CONTROL_TIMEOUT);
        let (inputs, at) = (self.inputs.clone(), self.link.address().to_owned());
        tokio::spawn(async move {
            let outcome = match asked.await {
                Ok(()) => Input::Registered(at),
                Err(error @ ProxyError::Fault(_)) => Input::Refused(error),
                // It will say again that it does not know this daemon.
                Err(_) => return,
            };
            let _ = inputs.send(outcome);
        });
    }

    async fn serve(
        &mut self,
        mut incoming: mpsc::UnboundedReceiver<Incoming>,
        mut signals: Signals,
    ) -> Result<HostEnd, HostError> {
        let mut keeper = self.kept.as_ref().map(Kept::listen).transpose()?;
        let watchdog = notify::watchdog();
        let mut next_sign = watchdog.map(|every| self.now() + every);
        if self.options.patient {
            // Ready: whether a name server is there yet is another's business.
            notify::notify("READY=1");
        }
        // What was taken back may have consequences.
        self.perform();
        loop {
            let deadlines = [
                self.supervision.next_deadline(),
                self.companions.next_deadline(),
                self.boots.next_deadline(),
                self.spawns.next_deadline(),
                self.readers.next_deadline(),
            ];
            let deadline = deadlines.into_iter().flatten().min();
            let input = tokio::select! {
                biased;
                () = at(self.began, next_sign) => {
                    next_sign = watchdog.map(|every| self.now() + every);
                    notify::notify("WATCHDOG=1");
                    continue;
                }
                Some(input) = self.received.recv() => input,
                unasked = incoming.recv() => unasked.map_or(Input::Disconnected, Input::Incoming),
                input = signals.any() => input,
                word = said(&mut keeper) => match word {
                    KeptWord::AgentsEnded => Input::TakenBackEnded(None),
                    // What ends is not to be begun anew.
                    KeptWord::Gone if self.supervision.is_ending() => {
                        keeper = None;
                        continue;
                    }
                    KeptWord::Gone if !self.has_stood() => {
                        keeper = None;
                        Input::Terminate(Grace::USUAL)
                    }
                    KeptWord::Gone => return Ok(HostEnd::KeeperGone),
                },
                () = self.readers.written() => Input::Written,
                () = at(self.began, deadline) => Input::Time,
            };
            match input {
                // There is nothing that it could do, here or later.
                Input::Incoming(Incoming::NotLetIn(error)) if self.children.is_empty() => {
                    return Err(error.into());
                }
                Input::Refused(error) if self.is_refused(&error) => return Err(error.into()),
                other => self.on_input(other),
            }
            if let Some(fresh) = self.fresh.take() {
                incoming = fresh;
            }
            if self.perform() {
                self.tell_happened_again();
                self.leave(&mut signals).await;
                return Ok(self.end);
            }
        }
    }

    fn on_input(&mut self, input: Input) {
        let now = self.now();
        match input {
            Input::Incoming(Incoming::Request { envelope, body }) => {
                self.on_request(envelope, &body)
            }
            // The name server has come back. If this is lost, it will say so again.
            Input::Incoming(Incoming::NotLetIn(error)) => self.on_shut_out(error, now),
            Input::Incoming(Incoming::Unregistered) => {
                self.announce_again();
                self.tell_happened_again();
                self.follow_again();
                self.supervision.on_forgotten(now);
            }
            Input::Incoming(Incoming::Presence(presence)) => {
                self.see_to_succession(&presence);
                let agent = self.spawner.id(&presence.agent);
                let (life, state) = (presence.incarnation, presence.state);
                self.supervision
                    .on_presence(&presence.agent, life, state, now);
                // Of one that has ended it is told only because agents here go with it.
                if !state.ended() {
                    self.specs.note_addresses(&agent, &presence.addresses);
                    self.see_to_attached(&presence);
                }
                self.see_to_companions(&presence);
                self.see_to_boots(&presence);
                self.see_to_moved(&presence);
                self.see_to_spawned(&presence);
            }
            Input::Incoming(Incoming::Renew) => self.on_renew(),
            Input::Renewed(own) => self.on_renewed(*own),
            Input::Children => self.on_children(),
            Input::TakenBackEnded(agent) => self.on_taken_back_ended(agent),
            Input::StillKnown(known) => self.on_still_known(&known),
            Input::Kept(upto) => self.on_kept(upto),
            Input::Registered(at) => {
                (self.options.on_registered)(&at);
                match self.options.of_system {
                    true => self.see_to_unseen(),
                    false => self.see_to_unseen_of_known(),
                }
                self.tell_of_gone();
                self.end_half_spawned();
                self.boot_once();
            }
            // Agents are there: they are not left alone. The next heartbeat tries again.
            Input::Refused(_) => {}
            Input::LetIn(let_in) => self.on_let_in(*let_in),
            Input::Adopted(adopted) => self.on_adopted(*adopted),
            Input::Looked(looked) => self.on_looked(*looked),
            Input::Altered(outcome) => self.on_altered(*outcome),
            Input::Resolved(resolved) => self.on_resolved(*resolved),
            Input::CommandLate(pid) => self.end_command(pid),
            Input::NotAsked(agent) => self.supervision.on_not_asked(&agent, now),
            Input::Terminate(grace) => self.supervision.on_shutdown(grace, None, now),
            Input::Time => {
                self.supervision.on_time(now);
                self.on_companions_time(now);
                self.on_boots_time(now);
                self.on_spawns_time(now);
                self.on_readers_time(now);
            }
            Input::Written => self.on_written(),
            Input::Disconnected => self.supervision.on_shutdown(Grace::USUAL, None, now),
        }
    }

    /// Whether it is left with nothing to do. After the start of its machine, the name server may take the daemon before it for
    /// alive, and will soon know better.
    fn is_refused(&self, error: &ProxyError) -> bool {
        let is_taken = matches!(error, ProxyError::Fault(Fault::NameTaken { .. }));
        self.children.is_empty() && !(self.options.boot && is_taken)
    }

    /// No member can command the daemon any more, or ever could: it ends, and its agents with it.
    fn on_shut_out(&mut self, error: ProxyError, now: Now) {
        let error = error.to_string();
        let _ = writeln!(
            std::io::stderr(),
            "error: {}: this daemon ends",
            harmless(&error)
        );
        self.supervision.on_shutdown(Grace::USUAL, None, now);
    }

    /// All that have ended by now: what they have left is looked for once.
    fn on_children(&mut self) {
        let mut ended = Vec::new();
        while let Some(end) = ended_child() {
            match self.pids.remove(&end.pid) {
                Some(agent) => {
                    self.wait_for(&agent, end);
                    ended.push(agent);
                }
                None => {
                    self.note_end_of_command(end.pid);
                    reap(end.pid);
                }
            }
        }
        self.on_agents_ended(ended);
        self.end_late_leftovers();
    }

    fn wait_for(&mut self, agent: &AgentName, end: Ended) {
        self.note_end(agent, &end);
        match self.children.get_mut(agent) {
            Some(child) => child.end(end),
            None => reap(end.pid),
        }
    }

    /// These have ended together.
    fn on_agents_ended(&mut self, ended: Vec<AgentName>) {
        if !ended.is_empty() {
            self.spawner.write_unwritten();
            self.sync_ends();
            self.end_leftovers(&ended);
            ended.into_iter().for_each(|agent| self.on_ended(agent));
        }
    }

    fn on_ended(&mut self, agent: AgentName) {
        let Some(child) = self.children.remove(&agent) else {
            return;
        };
        let id = self.spawner.id(&agent);
        let unsent = self.options.dir.take_unsent(child.incarnation());
        let asked = child.was_asked(&self.options.dir);
        let mut exit = child.report(&self.options.dir, &id);
        if exit.signal == Some(9) && exit.cause.is_none() {
            exit.cause = self.memory.cause(child.pid());
        }
        // It goes with this daemon, if it cannot now.
        let cgroup = child.into_cgroup().and_then(Cgroup::remove);
        self.cgroups.extend(cgroup);
        self.unsent.insert(agent.clone(), unsent);
        let now = self.began.elapsed();
        self.supervision.on_exited(&agent, exit, asked, now);
    }

    fn now(&self) -> Now {
        self.began.elapsed()
    }
}

/// What the keeper says, if there is one.
async fn said(keeper: &mut Option<Listener>) -> KeptWord {
    match keeper {
        Some(keeper) => keeper.next().await,
        None => std::future::pending().await,
    }
}

/// Ends at the deadline, if there is one.
async fn at(began: Instant, deadline: Option<Now>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until((began + deadline).into()).await,
        None => std::future::pending().await,
    }
}
