//! One connection by ssh: from its beginning to osb's first word, and what is said after that.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::argv::arguments;
use super::binary::{Binary, own_machine};
use super::error::{SshError, Stage};
use super::script::{Copied, Line, script};
use crate::model::timing::{SSH_CLOSE_TIMEOUT, SSH_COPY_TIMEOUT, SSH_FIRST_WORD_TIMEOUT};
use crate::model::{Millis, SshSpec};
use crate::wire::{LARGEST_BODY, MachineRequest, MachineWord};

/// How much of what ssh says is kept.
const SAID: usize = 16 << 10;

/// A connection to an osb on another machine. Dropped, it is cut, and a daemon that was not
/// released ends with it.
pub(crate) struct Session {
    spec: SshSpec,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
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
            .line(SSH_FIRST_WORD_TIMEOUT, Stage::Authenticate)
            .await?
        {
            Line::Found => {}
            Line::Need { machine, found } => {
                session.bring(&machine, &found).await?;
                session.instead_of = Some(found);
            }
            Line::Failed(reason) => return Err(session.error(Stage::FindOsb, reason)),
            Line::Word(_) => return Err(session.error(Stage::FindOsb, "it speaks too early")),
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
        let sent = stdin.write_all(&line).await;
        sent.map_err(|error| self.error(Stage::Start, error.to_string()))
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
            lines: BufReader::new(stdout).lines(),
            listening: tokio::spawn(listen(stderr, said.clone())),
            said,
            child,
            instead_of: None,
            spec,
        })
    }

    /// Copies this program there.
    async fn bring(&mut self, machine: &str, found: &str) -> Result<(), SshError> {
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
            return Ok(());
        };
        // What is said meanwhile is listened to: the other side may refuse in the middle of it.
        let sending = tokio::spawn(async move {
            let head = format!("{} {}\n", binary.bytes.len(), binary.sum);
            stdin.write_all(head.as_bytes()).await?;
            stdin.write_all(&binary.bytes).await?;
            std::io::Result::Ok(stdin)
        });
        match self.line(SSH_COPY_TIMEOUT, Stage::Copy).await? {
            Line::Found => {}
            Line::Failed(reason) => return Err(self.error(Stage::Copy, reason)),
            other => return Err(self.error(Stage::Copy, format!("it said {other:?}"))),
        }
        match sending.await {
            Ok(Ok(stdin)) => self.stdin = Some(stdin),
            Ok(Err(error)) => return Err(self.error(Stage::Copy, error.to_string())),
            Err(error) => return Err(self.error(Stage::Copy, error.to_string())),
        }
        Ok(())
    }

    /// The next line that means something.
    async fn line(&mut self, limit: Duration, stage: Stage) -> Result<Line, SshError> {
        let reading = async {
            loop {
                match self.lines.next_line().await {
                    Ok(Some(line)) => match Line::read(&line) {
                        Some(line) => return Some(line),
                        None => continue,
                    },
                    Ok(None) | Err(_) => return None,
                }
            }
        };
        match tokio::time::timeout(limit, reading).await {
            Ok(Some(line)) => Ok(line),
            Ok(None) => Err(self.closed(stage).await),
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
        match self.line(limit, stage).await? {
            Line::Word(word) => crate::wire::read_body(word.as_bytes())
                .map_err(|fault| self.error(stage, fault.to_string())),
            other => Err(self.error(stage, format!("it said {other:?}"))),
        }
    }

    /// Waits until the daemon ends, or the connection does. Tells why.
    pub(crate) async fn ended(&mut self) -> SshError {
        loop {
            match self.line(Duration::MAX, Stage::Start).await {
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
            let sent = stdin.write_all(word.as_bytes()).await;
            sent.map_err(|error| self.error(Stage::Start, error.to_string()))?;
        }
        match tokio::time::timeout(SSH_CLOSE_TIMEOUT, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            _ => Err(self.closed(Stage::Start).await),
        }
    }

    /// Cuts the connection, and waits until the daemon has ended with it.
    pub(crate) async fn cut(mut self) {
        self.stdin = None;
        let _ = tokio::time::timeout(SSH_CLOSE_TIMEOUT, self.child.wait()).await;
    }

    /// The connection is gone: ssh has said why, or the script has.
    async fn closed(&mut self, stage: Stage) -> SshError {
        let status = tokio::time::timeout(SSH_CLOSE_TIMEOUT, self.child.wait()).await;
        let _ = tokio::time::timeout(Duration::from_secs(1), &mut self.listening).await;
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
                let last = said.lines().last().unwrap_or("the connection was closed");
                let stage = stage.max(Stage::FindOsb);
                self.error(stage, last)
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
