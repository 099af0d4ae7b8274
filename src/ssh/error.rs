//! What can go wrong on the way to another machine: at which stage, why, and what to do. Pure.

use std::fmt;

use crate::model::SshSpec;

/// The stages of the way, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Resolve,
    Connect,
    Authenticate,
    LogIn,
    FindOsb,
    Copy,
    Files,
    Examine,
    Logs,
    Install,
    Start,
    DialBack,
    End,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Stage::Resolve => "resolve",
            Stage::Connect => "connect",
            Stage::Authenticate => "authenticate",
            Stage::LogIn => "log in",
            Stage::FindOsb => "find osb",
            Stage::Copy => "copy",
            Stage::Files => "copy files",
            Stage::Examine => "examine",
            Stage::Logs => "read logs",
            Stage::Install => "install",
            Stage::Start => "start",
            Stage::DialBack => "dial back",
            Stage::End => "end",
        })
    }
}

/// Why something could not be done on another machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{destination} failed at stage {stage}: {reason}")]
pub struct SshError {
    /// As ssh was told it.
    pub destination: String,
    pub stage: Stage,
    pub reason: String,
}

impl SshError {
    pub fn new(spec: &SshSpec, stage: Stage, reason: impl Into<String>) -> Self {
        Self {
            destination: spec.destination.to_string(),
            stage,
            reason: reason.into(),
        }
    }

    /// What ssh said before it gave up.
    pub fn of_ssh(spec: &SshSpec, said: &str) -> Self {
        let (stage, reason) = sort(said);
        Self::new(spec, stage, reason)
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        let to = &self.destination;
        if self.stage != Stage::Files && self.reason.contains("No space left on device") {
            return format!("make room on that machine's disk: `ssh {to} df -h` shows where");
        }
        match self.stage {
            Stage::Resolve => format!("is the name right? `ssh {to}` has to find it, by DNS or by a Host in ssh_config"),
            Stage::Connect if self.reason.ends_with("timed out") && !self.reason.contains("banner") => format!(
                "nothing answers: is the machine up, and does no firewall on the way drop what is sent? try `ssh {to}`"
            ),
            Stage::Connect if self.reason.contains("refused") => format!(
                "the machine is there, and does its sshd listen at that port? try `ssh {to}`"
            ),
            Stage::Connect => format!("is the machine up, and does its sshd listen there? try `ssh {to}`"),
            Stage::Authenticate if self.reason.contains("ost key") || self.reason.contains("IDENTIFICATION") => format!(
                "connect once by hand, `ssh {to}`, and compare the key: osb never accepts one by itself"
            ),
            Stage::Authenticate => format!(
                "`ssh -o BatchMode=yes {to} true` has to work without asking anything: load the key into an ssh-agent, or give the host an identity"
            ),
            Stage::LogIn => format!(
                "the account has to run commands: see what `ssh {to} true` says, and which shell it has"
            ),
            Stage::FindOsb if self.reason.contains("nothing was heard") => format!(
                "an osb there, or what is called so in the PATH, does not answer: see what `ssh {to} osb --version` does"
            ),
            Stage::FindOsb => format!(
                "install osb {0} there: in the PATH of `ssh {to}`, or at ~/.cache/osb/{0}/osb",
                env!("CARGO_PKG_VERSION")
            ),
            Stage::Copy => format!("see to the folder ~/.cache/osb there, or install osb {} by hand", env!("CARGO_PKG_VERSION")),
            Stage::Files if self.reason.contains("o space left") => format!(
                "make room on that machine: files go to ~/.cache/osb/files and ~/.local/state/osb there; `ssh {to} df -h` shows how much there is"
            ),
            Stage::Files if self.reason.contains("ermission denied") => format!(
                "let the user of `ssh {to}` write to ~/.cache/osb and ~/.local/state/osb there, or set XDG_CACHE_HOME and XDG_STATE_HOME"
            ),
            Stage::Files if self.reason.contains("others may") => format!(
                "chmod 700 that folder, as the user of `ssh {to}`, if it is osb's"
            ),
            Stage::Files => "nothing was left half there; `osb up` again sends what is still lacking".to_owned(),
            Stage::Examine | Stage::Logs | Stage::Start => format!("see what `ssh {to} osb version` says"),
            Stage::Install if self.reason.contains("enable-linger") || self.reason.contains("--user") => {
                "do that, and install again".to_owned()
            }
            Stage::Install => format!("mend what it says there, and install again; `ssh {to} systemctl --version` has to work"),
            Stage::DialBack => "that machine has to reach the name server's address and port: is there a firewall between, or is it an address of another network?".to_owned(),
            Stage::End => "when it is back, `osb down` again finishes".to_owned(),
        }
    }
}

/// The stage at which ssh failed, by its words; they are the same in every language.
fn sort(said: &str) -> (Stage, String) {
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let has = |words: &[&str]| {
        let found = |line: &&str| words.iter().any(|word| line.contains(word));
        lines().find(found).map(str::to_owned)
    };
    let stages = [
        (Stage::Resolve, &["Could not resolve hostname"][..]),
        (
            Stage::Authenticate,
            &[
                "REMOTE HOST IDENTIFICATION HAS CHANGED",
                "Host key verification failed",
                "Permission denied",
                "Too many authentication failures",
                "No supported authentication methods",
            ],
        ),
        (
            Stage::Connect,
            &[
                "Connection refused",
                "timed out",
                "No route to host",
                "Network is unreachable",
                "Connection closed",
                "Connection reset",
                "kex_exchange_identification",
            ],
        ),
    ];
    let found = stages
        .iter()
        .find_map(|(stage, words)| Some((*stage, has(words)?)));
    found.unwrap_or_else(|| {
        let last = lines().next_back().unwrap_or("ssh ended without a word");
        (Stage::Connect, last.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stage_is_known_by_what_ssh_says() {
        let stage = |said| sort(said).0;
        let resolve = "ssh: Could not resolve hostname lab9: Name or service not known\r\n";
        assert_eq!(stage(resolve), Stage::Resolve);
        let refused = "ssh: connect to host 10.0.0.1 port 22: Connection refused\n";
        assert_eq!(stage(refused), Stage::Connect);
        let banner = "Connection timed out during banner exchange\nConnection to 10.0.0.1 port 22 timed out\n";
        assert_eq!(stage(banner), Stage::Connect);
        let unknown = "No ED25519 host key is known for lab1 and you have requested strict checking.\nHost key verification failed.\n";
        assert_eq!(stage(unknown), Stage::Authenticate);
        assert_eq!(
            stage("me@lab1: Permission denied (publickey).\n"),
            Stage::Authenticate
        );
        assert_eq!(sort("").1, "ssh ended without a word");
    }

    #[test]
    fn who_drops_what_is_sent_is_told_from_who_does_not_listen() {
        let spec = SshSpec {
            destination: "lab1".parse().unwrap(),
            port: None,
            identity: None,
            config: None,
        };
        let remedy = |said| SshError::of_ssh(&spec, said).remedy();
        let dropped = "ssh: connect to host 10.0.0.1 port 22: Connection timed out\r\n";
        assert!(remedy(dropped).contains("firewall"));
        let refused = "ssh: connect to host 10.0.0.1 port 22: Connection refused\r\n";
        assert!(remedy(refused).contains("does its sshd listen"));
    }
}
