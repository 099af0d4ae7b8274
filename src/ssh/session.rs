//! One connection by ssh: from its beginning to osb's first word, and what is said after that.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::argv::arguments;
use super::binary::{Binary, own_machine};
use super::error::{SshError, Stage};
use super::lines::{End, Lines, MOST_OF_STAGE};
use super::script::{Copied, Line, script};
use crate::model::timing::{
    SSH_CLOSE_TIMEOUT, SSH_COPY_TIMEOUT, SSH_FIND_TIMEOUT, SSH_FIRST_WORD_TIMEOUT,
    SSH_LAST_LINES_TIMEOUT, SSH_STALL_TIMEOUT,
};
use crate::model::{Millis, SshSpec};
use crate::wire::{LARGEST_BODY, MachineRequest, MachineWord};

/// How much of what ssh says is kept.
const SAID: usize = 16 << 10;
/// How much of a line that is not osb's, in characters.
const NOISE: usize = 200;

/// A connection to an osb on another machine. Dropped, it is cut, and a daemon that was not
/// released ends with it.
pub(crate) struct Session {
    spec: SshSpec,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    /// Where it is, if it has said anything.
    stage: Option<Stage>,
    /// The last line that was not osb's: what a login shell says of itself.
    noise: String,
    said: Arc<Mutex<String>>,
    listening: JoinHandle<()>,
    /// What there was instead of this version, if osb was copied; empty: nothing.
    instead_of: Option<String>,
}

impl Session {
    /// Connects, makes sure that osb is there, and tells it what to do.
    pub(super) async fn open(
        spec: SshSpec,
        request: &MachineRequest,
        copied: Copied,
    ) -> Result<Self, SshError> {
        let mut session = Self::begin(spec, copied)?;
        match session
            .line(SSH_FIRST_WORD_TIMEOUT, Stage::Authenticate, 0)
            .await?
        {
            Line::Here => {}
            _ => return Err(session.error(Stage::LogIn, "it speaks too early")),
        }
        match session.line(SSH_FIND_TIMEOUT, Stage::FindOsb, 0).await? {
            Line::Found => {}
            Line::Need {
                machine,
                found,
                kept,
            } => {
                if session.bring(&machine, &found, &kept).await? {
                    session.instead_of = Some(found);
                }
            }
            Line::Failed(reason) => return Err(session.error(Stage::FindOsb, reason)),
            Line::Here | Line::Word(_) => {
                return Err(session.error(Stage::FindOsb, "it speaks too early"));
            }
        }
        session.say(request).await?;
        Ok(session)
    }

    /// What there was instead of this version, if osb was copied; empty: nothing.
    pub(crate) fn instead_of(&self) -> Option<&str> {
        self.instead_of.as_deref()
    }

    pub(super) async fn say(&mut self, request: &MachineRequest) -> Result<(), SshError> {
        let mut line = crate::wire::body(request);
        if line.len() > LARGEST_BODY {
            let reason = "the list of the files to be copied is too long";
            return Err(self.error(Stage::Files, reason));
        }
        line.push(b'\n');
        let Some(stdin) = &mut self.stdin else {
            return Ok(());
        };
        let sent = timeout(SSH_STALL_TIMEOUT, stdin.write_all(&line)).await;
        self.sent(sent, Stage::Start)
    }

    /// The outcome of sending: one that takes nothing is not waited for.
    fn sent(
        &self,
        outcome: Result<std::io::Result<()>, Elapsed>,
        stage: Stage,
    ) -> Result<(), SshError> {
        let outcome = outcome.unwrap_or_else(|_| {
            let limit = Millis::from(SSH_STALL_TIMEOUT);
            Err(std::io::Error::other(format!(
                "it took nothing for {limit}"
            )))
        });
        outcome.map_err(|error| self.error(stage, error.to_string()))
    }

    fn begin(spec: SshSpec, copied: Copied) -> Result<Self, SshError> {
        let mut command = Command::new("ssh");
        command
            .args(arguments(&spec, &script(copied)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A Ctrl-C in the terminal is for `up`, which then takes everything back.
            .process_group(0)
            .kill_on_drop(true);
        let failed = |reason: String| SshError::new(&spec, Stage::Connect, reason);
        let mut child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                failed("there is no program ssh on this machine: install an OpenSSH client".into())
            }
            _ => failed(error.to_string()),
        })?;
        let pipes = (child.stdout.take(), child.stderr.take());
        let (Some(stdout), Some(stderr)) = pipes else {
            return Err(failed("ssh has no pipes".into()));
        };
        let said = Arc::new(Mutex::new(String::new()));
        Ok(Self {
            stdin: child.stdin.take(),
            lines: Lines::new(BufReader::new(stdout)),
            stage: None,
            noise: String::new(),
            listening: tokio::spawn(listen(stderr, said.clone())),
            said,
            child,
            instead_of: None,
            spec,
        })
    }

    /// Copies this program there, unless the one that was copied before is this one, by its sum. Tells whether it did.
    async fn bring(&mut self, machine: &str, found: &str, kept: &str) -> Result<bool, SshError> {
        let own = own_machine();
        if machine != own {
            let there = match found {
                "" => "there is none".to_owned(),
                found => format!("there is {found}"),
            };
            let reason = format!(
                "{there}, and this osb {} cannot be copied: it is for {own}, and the machine is {machine}",
                env!("CARGO_PKG_VERSION")
            );
            return Err(self.error(Stage::FindOsb, reason));
        }
        let binary = Binary::own();
        let binary = binary.map_err(|error| self.error(Stage::Copy, error.to_string()))?;
        let Some(mut stdin) = self.stdin.take() else {
            return Ok(false);
        };
        let is_there = binary.sum == kept;
        // What is said meanwhile is listened to: the other side may refuse in the middle of it.
        let sending = tokio::spawn(async move {
            let bytes = match is_there {
                true => &[][..],
                false => &binary.bytes,
            };
            let head = format!("{} {}\n", bytes.len(), binary.sum);
            stdin.write_all(head.as_bytes()).await?;
            stdin.write_all(bytes).await?;
            std::io::Result::Ok(stdin)
        });
        match self.line(SSH_COPY_TIMEOUT, Stage::Copy, 0).await? {
            Line::Found => {}
            Line::Failed(reason) => return Err(self.error(Stage::Copy, reason)),
            other => return Err(self.error(Stage::Copy, format!("it said {other:?}"))),
        }
        // It may say that it has all, and have taken nothing.
        match timeout(SSH_STALL_TIMEOUT, sending).await {
            Ok(Ok(Ok(stdin))) => self.stdin = Some(stdin),
            Ok(Ok(Err(error))) => return Err(self.error(Stage::Copy, error.to_string())),
            Ok(Err(error)) => return Err(self.error(Stage::Copy, error.to_string())),
            Err(elapsed) => self.sent(Err(elapsed), Stage::Copy)?,
        }
        Ok(!is_there)
    }

    /// The next line that means something. `more`: how much may come, in bytes, besides what may at any stage.
    async fn line(&mut self, limit: Duration, stage: Stage, more: usize) -> Result<Line, SshError> {
        if self.stage.replace(stage) != Some(stage) {
            self.lines.begin_stage();
        }
        let (lines, noise) = (&mut self.lines, &mut self.noise);
        let reading = async {
            loop {
                let line = lines.next(MOST_OF_STAGE.saturating_add(more)).await?;
                match Line::read(&line) {
                    Some(line) => return Ok(line),
                    None if line.trim().is_empty() => {}
                    None => *noise = line.trim().chars().take(NOISE).collect(),
                }
            }
        };
        match timeout(limit, reading).await {
            Ok(Ok(line)) => Ok(line),
            Ok(Err(End::Closed)) => Err(self.closed(stage).await),
            Ok(Err(end)) => Err(self.error(stage, end.reason().unwrap_or_default())),
            Err(_) => {
                let reason = format!("nothing was heard for {}", Millis::from(limit));
                Err(self.error(stage, reason))
            }
        }
    }

    pub(super) async fn word(
        &mut self,
        limit: Duration,
        stage: Stage,
    ) -> Result<MachineWord, SshError> {
        self.long_word(limit, stage, 0).await
    }

    /// The same of one that has so much to tell, in bytes, because it was asked for it.
    pub(super) async fn long_word(
        &mut self,
        limit: Duration,
        stage: Stage,
        more: usize,
    ) -> Result<MachineWord, SshError> {
        match self.line(limit, stage, more).await? {
            Line::Word(word) => crate::wire::read_body(word.as_bytes())
                .map_err(|fault| self.error(stage, fault.to_string())),
            other => Err(self.error(stage, format!("it said {other:?}"))),
        }
    }

    /// Waits until the daemon ends, or the connection does. Tells why.
    pub(crate) async fn ended(&mut self) -> SshError {
        loop {
            match self.line(Duration::MAX, Stage::DialBack, 0).await {
                Ok(Line::Word(word)) => {
                    if let Ok(MachineWord::Ended { reason }) =
                        crate::wire::read_body(word.as_bytes())
                    {
                        return self.error(Stage::DialBack, reason);
                    }
                }
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    }

    /// Lets the daemon live on, and closes the connection.
    pub(crate) async fn release(mut self) -> Result<(), SshError> {
        if let Some(mut stdin) = self.stdin.take() {
            let word = format!("{}\n", MachineWord::RELEASE);
            let sent = timeout(SSH_CLOSE_TIMEOUT, stdin.write_all(word.as_bytes())).await;
            self.sent(sent, Stage::Start)?;
        }
        match timeout(SSH_CLOSE_TIMEOUT, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            _ => Err(self.closed(Stage::Start).await),
        }
    }

    /// Cuts the connection, and waits until the daemon has ended with it. `more`: by how much its agents may take longer to end
    /// than is usual.
    pub(crate) async fn cut(mut self, more: Duration) {
        self.stdin = None;
        let _ = timeout(SSH_CLOSE_TIMEOUT + more, self.child.wait()).await;
    }

    /// The connection is gone: ssh has said why, or the script has.
    async fn closed(&mut self, stage: Stage) -> SshError {
        let status = timeout(SSH_CLOSE_TIMEOUT, self.child.wait()).await;
        let _ = timeout(SSH_LAST_LINES_TIMEOUT, &mut self.listening).await;
        let said = self
            .said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        // 255 is ssh's own; anything else is of what was run there.
        match status {
            // It has met nobody to complain of, and was not let go on.
            Ok(Ok(status)) if status.code() == Some(255) && said.trim().is_empty() => self.error(
                stage,
                "ssh gave up: nothing more was heard from the machine",
            ),
            Ok(Ok(status)) if status.code() == Some(255) => SshError::of_ssh(&self.spec, &said),
            _ => {
                let noise = Some(self.noise.as_str()).filter(|it| !it.is_empty());
                let last = said.lines().last().or(noise);
                // It has let in, and run something: not what it was told to.
                let stage = stage.max(Stage::LogIn);
                self.error(stage, last.unwrap_or("the connection was closed"))
            }
        }
    }

    /// It could not do what was asked, or does not keep to the order of things.
    pub(super) fn unexpected(&self, stage: Stage, word: MachineWord) -> SshError {
        match word {
            MachineWord::Ended { reason } => self.error(stage, reason),
            other => self.error(stage, format!("it said {other:?}")),
        }
    }

    /// What is sent goes in here. None while another task sends.
    pub(super) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.stdin.take()
    }

    pub(super) fn give_stdin(&mut self, stdin: ChildStdin) {
        self.stdin = Some(stdin);
    }

    /// Whether ssh has ended.
    pub(super) fn is_closed(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    pub(super) fn error(&self, stage: Stage, reason: impl Into<String>) -> SshError {
        SshError::new(&self.spec, stage, reason)
    }
}

/// Keeps what ssh says, up to a limit, and reads on so that it is never held up.
async fn listen(mut stderr: ChildStderr, said: Arc<Mutex<String>>) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() < SAID {
            said.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    }
}
