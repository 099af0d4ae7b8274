//! One agent's process: started in a group of its own, its output in a file, its end a readable
//! descriptor.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe::Sender;

use rustix::process::{Pid, Signal, kill_process_group};

use super::log_tail::end_of_logs;
use crate::logfile::LogCaps;
use crate::model::timing::UNREACHABLE_TIMEOUT;
use crate::model::{
    self, AgentId, AgentName, AgentSpec, Cause, ExitReport, LogLimits, Millis, NameServerName,
    Ready, RestartPolicy, Speaks,
};
use crate::process::{
    Cgroup, Cgroups, Ended, ProcessId, RUN, limit_descriptors, not_started, own_osb, progress,
    progress_of_threads,
};
use crate::state::{AgentRecord, StateError, SystemDir};
use crate::wire::{AgentBoot, Incarnation};

/// How many lines of a log go with the report of an end.
pub(super) const TAIL_LINES: usize = 20;

/// Starts agents.
pub(crate) struct Spawner {
    /// None: this process is none of osb, and cannot start agents that are.
    osb: Option<PathBuf>,
    dir: SystemDir,
    group: Option<NameServerName>,
    agents_log: File,
    /// Lines of that list that could not be written yet.
    unwritten: Vec<u8>,
    /// Of what programs print that hold their file themselves. None where the system has no more watches: then files grow.
    caps: Option<LogCaps>,
    /// None where the daemon may not make cgroups.
    cgroups: Option<Cgroups>,
}

/// An agent's process.
pub(crate) struct Child {
    process: Process,
    /// As it is written down, if it could be.
    record: Option<AgentRecord>,
    pid: Pid,
    incarnation: Incarnation,
    /// The mark of all that is started in its life.
    run: String,
    logs: LogLimits,
    /// It may be started again.
    restarts: bool,
    /// It is osb's own agent, and no program that is one itself.
    is_own: bool,
    /// Why it was killed, if it was.
    cause: Option<Cause>,
    /// It may leave something running.
    has_program: bool,
    /// What it leaves running when it has done its work stays.
    is_job: bool,
    /// What its program has started is in it, too.
    cgroup: Option<Cgroup>,
}

/// Whose child an agent's process is.
enum Process {
    /// This daemon has started it, and waits for it. Until it was waited for, its pid is its own.
    Own {
        child: std::process::Child,
        ended: Option<Ended>,
    },
    /// A daemon before this one has started it.
    TakenBack { id: ProcessId, ended: Option<Ended> },
}

impl Spawner {
    /// Agents of a system with several name servers are known by the `group` they are of.
    pub(crate) fn new(dir: &SystemDir, group: Option<NameServerName>) -> Result<Self, StateError> {
        // A binary that was replaced meanwhile is found under the path of its old self only here.
        let osb = own_osb().ok();
        let osb = osb.map(|it| match it.exists() {
            true => it,
            false => PathBuf::from("/proc/self/exe"),
        });
        let caps = LogCaps::begin().ok();
        if let Some(caps) = &caps {
            let _ = caps.keep_own(dir.path());
        }
        Ok(Self {
            osb,
            agents_log: dir.agents_log()?,
            unwritten: Vec::new(),
            dir: dir.clone(),
            group,
            caps,
            cgroups: Cgroups::below_own(),
        })
    }

    /// An agent that a former daemon has started. It prints within its limits still.
    pub(crate) fn take_back(
        &self,
        record: &AgentRecord,
        spec: &AgentSpec,
        incarnation: Incarnation,
    ) -> io::Result<Child> {
        if let Some(limits) = record.prints {
            self.keep_output(&record.agent, limits);
        }
        let process = Process::TakenBack {
            id: record.process.clone(),
            ended: None,
        };
        let pid = pid_of(record.process.pid)?;
        let cgroup = record.cgroup.clone().and_then(Cgroup::of_path);
        Ok(Child {
            record: Some(record.clone()),
            ..Child::of(spec, incarnation, (process, pid), cgroup)
        })
    }

    fn keep_output(&self, agent: &AgentName, limits: LogLimits) {
        if let Some(caps) = &self.caps {
            // Without a watch, the file grows.
            let _ = caps.keep(&self.dir.output_of(&self.id(agent)), limits);
        }
    }

    pub(crate) fn spawn(&mut self, boot: &AgentBoot, restarts: u32) -> io::Result<Child> {
        let program = own_program(boot)?;
        let log = open_log(&match program {
            // What it writes to its own log, it writes there by itself.
            Some(_) => self.dir.output_of(&self.id(boot.name())),
            None => self.dir.log_of(&self.id(boot.name())),
        })?;
        let mut process = self
            .command(boot, program.as_ref())?
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .map_err(|error| why_not(program.as_ref(), error))?;
        let pid = pid_of(process.id())?;
        let prints = program.is_some().then_some(boot.spec.logs);
        let cgroup = self.cgroup_of(boot, process.id());
        let record = self.note(boot, (process.id(), restarts), prints, cgroup.as_ref());
        if let Some(limits) = prints {
            self.keep_output(boot.name(), limits);
        }
        if let Some(stdin) = process.stdin.take() {
            hand_over(boot, stdin);
        }
        let process = Process::Own {
            child: process,
            ended: None,
        };
        Ok(Child {
            record,
            ..Child::of(&boot.spec, boot.incarnation, (process, pid), cgroup)
        })
    }

    /// An agent that has a program is in a group of its own, before it is told how to begin. A program that speaks
    /// osb may have started something before; that bears the mark in its environment only.
    fn cgroup_of(&self, boot: &AgentBoot, pid: u32) -> Option<Cgroup> {
        let cgroups = self
            .cgroups
            .as_ref()
            .filter(|_| boot.spec.program.is_some())?;
        let cgroup = cgroups.make(&boot.incarnation.run()).ok()?;
        cgroup.take(pid).ok().map(|()| cgroup)
    }

    /// What to run: osb's own agent, or a program that is one itself.
    fn command(&self, boot: &AgentBoot, own: Option<&model::Command>) -> io::Result<Command> {
        let Some((own, [name, arguments @ ..])) = own.map(|it| (it, it.argv.as_slice())) else {
            let mut command = match &self.osb {
                Some(osb) => Command::new(osb),
                None => Command::new(own_osb()?),
            };
            command
                .arg0("osb")
                .args(["agent", boot.name().as_str(), "--boot"])
                .env(RUN, boot.incarnation.run());
            return Ok(command);
        };
        let mut command = Command::new(name);
        command
            .args(arguments)
            .env("OSB_AGENT", boot.name().as_str())
            .env("OSB_NAMESERVER", &boot.nameserver)
            .env(AgentBoot::VARIABLE, AgentBoot::BY_STDIN)
            .envs(&own.env)
            .env(RUN, boot.incarnation.run())
            .current_dir(&own.cwd);
        limit_descriptors(&mut command);
        Ok(command)
    }

    /// What an agent is called within the system.
    pub(crate) fn id(&self, agent: &AgentName) -> AgentId {
        AgentId {
            name: agent.clone(),
            nameserver: self.group.clone(),
        }
    }

    /// For the case that this daemon is gone when the agent is to be stopped. Without the note the
    /// agent is as good as with it, so a full disk does not keep it from running.
    fn note(
        &mut self,
        boot: &AgentBoot,
        (pid, restarts): (u32, u32),
        prints: Option<LogLimits>,
        cgroup: Option<&Cgroup>,
    ) -> Option<AgentRecord> {
        let record = AgentRecord {
            agent: boot.name().clone(),
            nameserver: boot.nameserver.clone(),
            process: ProcessId::of(pid).ok()?,
            incarnation: Some(boot.incarnation),
            prints,
            cgroup: cgroup.map(|it| it.path().to_owned()),
            restarts,
        };
        self.write_down(&record);
        Some(record)
    }

    /// The program of an agent is started anew: how often its policy has done something for it is written down for a later
    /// daemon.
    pub(crate) fn note_restarts(&mut self, child: &mut Child, restarts: u32) {
        if let Some(record) = &mut child.record {
            record.restarts = restarts;
            let record = record.clone();
            self.write_down(&record);
        }
    }

    fn write_down(&mut self, record: &AgentRecord) {
        self.unwritten.extend(record.line());
        self.write_unwritten();
    }

    /// What could not be written down, for want of space say, is as soon as it can.
    pub(crate) fn write_unwritten(&mut self) {
        if self.unwritten.is_empty() {
            return;
        }
        match self.agents_log.write_all(&self.unwritten) {
            Ok(()) => self.unwritten.clear(),
            // A part of it may have been written: what follows begins a line of its own, and what is there twice does no harm.
            Err(_) if self.unwritten.first() != Some(&b'\n') => self.unwritten.insert(0, b'\n'),
            Err(_) => {}
        }
    }
}

/// A file of our own, to be added to.
fn open_log(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o600).open(path)
}

/// The program that is the agent, if it is not osb's own.
fn own_program(boot: &AgentBoot) -> io::Result<Option<model::Command>> {
    match &boot.spec.program {
        Some(program) if program.speaks == Speaks::Osb => {
            let command = program.command(&boot.machine(&|name| std::env::var(name).ok()));
            command.map(Some).map_err(io::Error::other)
        }
        _ => Ok(None),
    }
}

fn why_not(own: Option<&model::Command>, error: io::Error) -> io::Error {
    match own {
        Some(model::Command { argv, cwd, .. }) => {
            let name = argv.first().map_or("", String::as_str);
            io::Error::other(not_started(name, cwd, &error))
        }
        None => error,
    }
}

/// Without waiting, for the agent may be slow to read. One that is not told how to begin ends, and
/// that is noticed as any other end.
fn hand_over(boot: &AgentBoot, stdin: std::process::ChildStdin) {
    let boot = crate::wire::body(boot);
    tokio::spawn(async move {
        if let Ok(mut stdin) = Sender::from_owned_fd(stdin.into()) {
            let _ = stdin.write_all(&boot).await;
        }
    });
}

fn pid_of(number: u32) -> io::Result<Pid> {
    let number = i32::try_from(number).ok().and_then(Pid::from_raw);
    number.ok_or_else(|| io::Error::other("a process without a pid"))
}

impl Child {
    fn of(
        spec: &AgentSpec,
        incarnation: Incarnation,
        (process, pid): (Process, Pid),
        cgroup: Option<Cgroup>,
    ) -> Self {
        let program = spec.program.as_ref();
        Self {
            process,
            record: None,
            pid,
            incarnation,
            run: incarnation.run(),
            logs: spec.logs,
            restarts: spec.restart.policy != RestartPolicy::Never,
            is_own: !program.is_some_and(|it| it.speaks == Speaks::Osb),
            cause: None,
            has_program: program.is_some(),
            is_job: program.is_some_and(|it| it.ready == Ready::Done),
            cgroup,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        match &self.process {
            Process::Own { child, .. } => child.id(),
            Process::TakenBack { id, .. } => id.pid,
        }
    }

    /// The process, if a daemon before this one has started it.
    pub(crate) fn taken_back(&self) -> Option<&ProcessId> {
        match &self.process {
            Process::Own { .. } => None,
            Process::TakenBack { id, .. } => Some(id),
        }
    }

    fn ended(&self) -> Option<&Ended> {
        match &self.process {
            Process::Own { ended, .. } | Process::TakenBack { ended, .. } => ended.as_ref(),
        }
    }

    pub(crate) fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The mark of all that is started in its life.
    pub(crate) fn run(&self) -> &str {
        &self.run
    }

    pub(crate) fn logs(&self) -> LogLimits {
        self.logs
    }

    /// Whether a member has asked the agent itself to end. Only of one that might be started again is that written down.
    pub(crate) fn was_asked(&self, dir: &SystemDir) -> bool {
        self.restarts && dir.take_asked(self.incarnation)
    }

    /// Whether it may have left something running: osb's own agents start nothing.
    pub(crate) fn has_program(&self) -> bool {
        self.has_program
    }

    /// It is a job, and has ended well.
    pub(crate) fn is_done(&self) -> bool {
        self.is_job && self.ended().is_some_and(|it| it.status == Some(0))
    }

    /// Its group, for as long as what a job has left is in it.
    pub(crate) fn into_cgroup(self) -> Option<Cgroup> {
        self.cgroup
    }

    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Kills it, because it does not answer and stands still.
    pub(crate) fn kill_hung(&mut self) {
        let silent = Millis::from(UNREACHABLE_TIMEOUT);
        let why = format!("it was not heard for {silent}, and stood still");
        self.cause = Some(Cause::Unhealthy(why));
        self.kill();
    }

    /// How far it has come: see [`progress`]. Osb's own agents do all in their first thread.
    pub(crate) fn progress(&self) -> Option<u64> {
        match self.is_own {
            true => progress(self.pid()),
            false => progress_of_threads(self.pid()),
        }
    }

    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Once it was waited for, its pid does not name its group any more.
    fn signal(&self, signal: Signal) {
        let is_its_own = match &self.process {
            Process::Own { ended, .. } => ended.is_none(),
            Process::TakenBack { id, .. } => id.is_alive(),
        };
        if is_its_own {
            let _ = kill_process_group(self.pid, signal);
        }
    }

    /// The process has ended: so does what it left behind in its group, unless it is a job that is done. Then it is waited
    /// for, if this daemon has started it.
    pub(crate) fn end(&mut self, how: Ended) {
        if !(self.is_job && how.status == Some(0)) {
            self.kill();
        }
        match &mut self.process {
            Process::Own { child, ended } => {
                let _ = child.wait();
                *ended = Some(how);
            }
            Process::TakenBack { ended, .. } => *ended = Some(how),
        }
    }

    /// How it ended.
    pub(crate) fn report(&self, dir: &SystemDir, agent: &AgentId) -> ExitReport {
        let ended = self.ended();
        ExitReport {
            status: ended.and_then(|it| it.status),
            signal: ended.and_then(|it| it.signal),
            log: end_of_logs(dir, agent, TAIL_LINES),
            cause: dir
                .take_cause(self.incarnation)
                .or_else(|| self.cause.clone()),
        }
    }
}
