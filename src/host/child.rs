//! One agent's process: started in a group of its own, its output in a file, its end a readable
//! descriptor.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe::Sender;

use rustix::process::{Pid, Signal, kill_process_group};

use super::log_tail::end_of_logs;
use crate::logfile::LogCaps;
use crate::model::timing::UNREACHABLE_TIMEOUT;
use crate::model::{
    self, AgentId, AgentName, Cause, ExitReport, LogLimits, Millis, NameServerName, Ready,
    RestartPolicy, Speaks,
};
use crate::process::{
    Cgroup, Cgroups, ProcessId, RUN, has_succeeded, limit_descriptors, not_started, progress,
    progress_of_threads,
};
use crate::state::{AgentRecord, StateError, SystemDir};
use crate::wire::{AgentBoot, Incarnation};

/// How many lines of a log go with the report of an end.
const TAIL_LINES: usize = 20;

/// Starts agents.
pub(crate) struct Spawner {
    osb: PathBuf,
    dir: SystemDir,
    group: Option<NameServerName>,
    agents_log: File,
    /// Of what programs print that hold their file themselves. None where the system has no more watches: then files grow.
    caps: Option<LogCaps>,
    /// None where the daemon may not make cgroups.
    cgroups: Option<Cgroups>,
}

/// An agent's process.
pub(crate) struct Child {
    process: std::process::Child,
    /// How it has ended. Until it was waited for, its pid is its own.
    status: Option<ExitStatus>,
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

impl Spawner {
    /// Agents of a system with several name servers are known by the `group` they are of.
    pub(crate) fn new(dir: &SystemDir, group: Option<NameServerName>) -> Result<Self, StateError> {
        // A binary that was replaced meanwhile is found under the path of its old self only here.
        let osb = std::env::current_exe()
            .ok()
            .filter(|path| path.exists())
            .unwrap_or_else(|| PathBuf::from("/proc/self/exe"));
        let caps = LogCaps::begin().ok();
        if let Some(caps) = &caps {
            let _ = caps.keep_own(dir.path());
        }
        Ok(Self {
            osb,
            agents_log: dir.agents_log()?,
            dir: dir.clone(),
            group,
            caps,
            cgroups: Cgroups::below_own(),
        })
    }

    /// Agents that a former daemon has started, and that live, print within their limits still.
    pub(crate) fn keep_logs_of_others(&self, nameserver: &str) {
        let agents = self.dir.latest_agents(nameserver).into_iter();
        for agent in agents.filter(|it| it.process.is_alive()) {
            if let Some(limits) = agent.prints {
                self.keep_output(&agent.agent, limits);
            }
        }
    }

    fn keep_output(&self, agent: &AgentName, limits: LogLimits) {
        if let Some(caps) = &self.caps {
            // Without a watch, the file grows.
            let _ = caps.keep(&self.dir.output_of(&self.id(agent)), limits);
        }
    }

    pub(crate) fn spawn(&mut self, boot: &AgentBoot) -> io::Result<Child> {
        let program = own_program(boot)?;
        let log = open_log(&match program {
            // What it writes to its own log, it writes there by itself.
            Some(_) => self.dir.output_of(&self.id(boot.name())),
            None => self.dir.log_of(&self.id(boot.name())),
        })?;
        let mut process = self
            .command(boot, program.as_ref())
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .map_err(|error| why_not(program.as_ref(), error))?;
        let number = i32::try_from(process.id()).ok().and_then(Pid::from_raw);
        let pid = number.ok_or_else(|| io::Error::other("a process without a pid"))?;
        let prints = program.is_some().then_some(boot.spec.logs);
        let cgroup = self.cgroup_of(boot, process.id());
        self.note(boot, process.id(), prints, cgroup.as_ref());
        if let Some(limits) = prints {
            self.keep_output(boot.name(), limits);
        }
        if let Some(stdin) = process.stdin.take() {
            hand_over(boot, stdin);
        }
        let is_job = |program: &model::Program| program.ready == Ready::Done;
        Ok(Child {
            process,
            status: None,
            pid,
            incarnation: boot.incarnation,
            run: boot.incarnation.run(),
            logs: boot.spec.logs,
            restarts: boot.spec.restart.policy != RestartPolicy::Never,
            is_own: program.is_none(),
            cause: None,
            has_program: boot.spec.program.is_some(),
            is_job: boot.spec.program.as_ref().is_some_and(is_job),
            cgroup,
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
    fn command(&self, boot: &AgentBoot, own: Option<&model::Command>) -> Command {
        let Some((own, [name, arguments @ ..])) = own.map(|it| (it, it.argv.as_slice())) else {
            let mut command = Command::new(&self.osb);
            command
                .arg0("osb")
                .args(["agent", boot.name().as_str(), "--boot"])
                .env(RUN, boot.incarnation.run());
            return command;
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
        command
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
        pid: u32,
        prints: Option<LogLimits>,
        cgroup: Option<&Cgroup>,
    ) {
        if let Ok(process) = ProcessId::of(pid) {
            let record = AgentRecord {
                agent: boot.name().clone(),
                nameserver: boot.nameserver.clone(),
                process,
                incarnation: Some(boot.incarnation),
                prints,
                cgroup: cgroup.map(|it| it.path().to_owned()),
            };
            let _ = self.agents_log.write_all(&record.line());
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

impl Child {
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
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
        self.is_job && self.status.is_some_and(|status| status.success())
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
            true => progress(self.process.id()),
            false => progress_of_threads(self.process.id()),
        }
    }

    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Once it was waited for, its pid does not name its group any more.
    fn signal(&self, signal: Signal) {
        if self.status.is_none() {
            let _ = kill_process_group(self.pid, signal);
        }
    }

    /// The process has ended: so does what it left behind in its group, unless it is a job that is done.
    pub(crate) fn wait(&mut self) {
        if !(self.is_job && has_succeeded(self.process.id())) {
            self.kill();
        }
        self.status = self.process.wait().ok();
    }

    /// How it ended.
    pub(crate) fn report(&self, dir: &SystemDir, agent: &AgentId) -> ExitReport {
        let status = self.status.as_ref();
        ExitReport {
            status: status.and_then(ExitStatus::code),
            signal: status.and_then(ExitStatus::signal),
            log: end_of_logs(dir, agent, TAIL_LINES),
            cause: dir
                .take_cause(self.incarnation)
                .or_else(|| self.cause.clone()),
        }
    }
}
