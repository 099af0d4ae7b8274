//! Units of systemd, by which a machine's start brings back what a system has there: what each starts, and its text.
//!
//! Nothing is written here, and nothing of a machine is known but what is given.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::timing::{DAEMON_STOP_MARGIN, STOP_GRACE};
use super::{Grace, HostName, Millis, NameServerName, SystemName};

/// A process of a system that comes back with its machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// The system that it is of.
    pub system: SystemName,
    /// Its name server's name within the system, if it is not the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<NameServerName>,
    /// It is on another machine than the one where the system is brought up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub far: bool,
    /// What it starts.
    pub service: Service,
}

/// A `-` that does not part names.
const DASH: &str = "\\x2d";

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Service {
    /// A name server.
    NameServer {
        /// Where it listens.
        at: SocketAddr,
        /// Every peer is admitted.
        open: bool,
    },
    /// A host daemon.
    Daemon {
        /// Its host.
        host: HostName,
        /// What it dials: `tcp://…`.
        nameserver: String,
        /// What peers dial to reach the machine. None: the address from which it dials.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<IpAddr>,
        /// The longest `stop_timeout` of its agents, if any says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        longest: Option<Millis>,
    },
}

/// Where a unit is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Around {
    /// This program there.
    pub osb: PathBuf,
    /// The variables that it is started with.
    pub environment: BTreeMap<String, String>,
    /// It is a user's own, and not the machine's.
    pub of_user: bool,
}

impl Unit {
    /// What its file is called: names joined by `-`, and a `-` in a name as systemd escapes it, so that two units have never
    /// one name.
    pub fn file_name(&self) -> String {
        let mut name = self.service.kind().to_owned();
        let host = match &self.service {
            Service::NameServer { .. } => None,
            Service::Daemon { host, .. } => Some(host.as_str()),
        };
        let group = self.group.as_ref().map(NameServerName::as_str);
        for part in [Some(self.system.as_str()), host, group]
            .into_iter()
            .flatten()
        {
            name.push('-');
            name.push_str(&part.replace('-', DASH));
        }
        name + ".service"
    }

    /// The arguments of osb.
    pub fn arguments(&self) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        let mut add = |more: &[&str]| words.extend(more.iter().map(|it| (*it).to_owned()));
        match &self.service {
            Service::NameServer { at, open } => {
                add(&["ns", "--boot", "--bind", &at.to_string()]);
                if *open {
                    add(&["--insecure"]);
                }
            }
            Service::Daemon {
                host,
                nameserver,
                address,
                longest: _,
            } => {
                add(&["--ns", nameserver, "host", "--boot"]);
                add(&["--name", host.as_str()]);
                if let Some(address) = address {
                    add(&["--address", &address.to_string()]);
                }
            }
        }
        add(&["--for-system", self.system.as_str()]);
        if let Some(group) = &self.group {
            add(&["--group", group.as_str()]);
        }
        if self.far {
            add(&["--own-dir"]);
        }
        words
    }

    /// The text of its file.
    pub fn text(&self, around: &Around) -> String {
        let mut text = format!("[Unit]\nDescription={}\n", escaped(&self.about()));
        if !around.of_user {
            text += "Wants=network-online.target\nAfter=network-online.target\n";
        }
        // It is tried until the network is there, however long that takes.
        text += "StartLimitIntervalSec=0\n\n[Service]\nType=notify\nNotifyAccess=all\n";
        let program = quoted(&escaped(&around.osb.to_string_lossy()));
        let arguments = self.arguments().into_iter();
        let arguments = arguments.map(|it| quoted(&escaped(&it).replace('$', "$$")));
        let words: Vec<String> = std::iter::once(program).chain(arguments).collect();
        // Writing to text cannot fail.
        let _ = writeln!(text, "ExecStart={}", words.join(" "));
        for (name, value) in &around.environment {
            let setting = escaped(&format!("{name}={value}"));
            let _ = writeln!(text, "Environment={}", quoted(&setting));
        }
        text += "Restart=on-failure\nRestartSec=1\n";
        if let Service::Daemon { .. } = self.service {
            text += "WatchdogSec=30\n";
        }
        // Agents outlive a daemon that is killed; one that is told to end ends them.
        text += "KillMode=process\nDelegate=yes\n";
        let _ = writeln!(text, "TimeoutStopSec={}", self.stop_seconds());
        text += "\n[Install]\nWantedBy=";
        text += match around.of_user {
            true => "default.target\n",
            false => "multi-user.target\n",
        };
        text
    }

    /// How long it may take to end, with its agents.
    fn stop_seconds(&self) -> u64 {
        let agents = match &self.service {
            Service::NameServer { .. } => STOP_GRACE.duration(),
            Service::Daemon { longest, .. } => Grace::USUAL.longest(*longest),
        };
        let whole = agents + DAEMON_STOP_MARGIN;
        whole
            .as_millis()
            .div_ceil(1000)
            .try_into()
            .unwrap_or(u64::MAX)
    }

    fn about(&self) -> String {
        let group = self.group.as_ref();
        let group = group.map_or(String::new(), |group| format!(" {group}"));
        let system = &self.system;
        match &self.service {
            Service::NameServer { .. } => format!("osb name server{group} of {system}"),
            Service::Daemon { host, .. } if group.is_empty() => {
                format!("osb host daemon {host} of {system}")
            }
            Service::Daemon { host, .. } => {
                format!("osb host daemon {host} of {system}, for name server{group}")
            }
        }
    }
}

impl Service {
    fn kind(&self) -> &'static str {
        match self {
            Service::NameServer { .. } => "osb-ns",
            Service::Daemon { .. } => "osb-host",
        }
    }
}

/// Whether a file of that name may be a unit of the system.
pub fn is_unit_of(system: &SystemName, file: &Path) -> bool {
    let name = file.file_name().and_then(|it| it.to_str());
    let Some(name) = name.and_then(|it| it.strip_suffix(".service")) else {
        return false;
    };
    let names = ["osb-ns-", "osb-host-"];
    let names = names.into_iter().find_map(|kind| name.strip_prefix(kind));
    let first = names.and_then(|names| names.split('-').next());
    first.is_some_and(|it| it.replace(DASH, "-") == system.as_str())
}

/// A `%` stands for itself, and not for what systemd knows.
fn escaped(text: &str) -> String {
    text.replace('%', "%%")
}

/// As one word for systemd.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let mut text = String::from("\"");
    for c in word.chars() {
        match c {
            '"' => text += "\\\"",
            '\\' => text += "\\\\",
            '\n' => text += "\\n",
            c if c.is_control() => {
                for byte in c.to_string().bytes() {
                    let _ = write!(text, "\\x{byte:02x}");
                }
            }
            c => text.push(c),
        }
    }
    text + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(service: Service) -> Unit {
        Unit {
            system: "survives".parse().unwrap(),
            group: None,
            far: false,
            service,
        }
    }

    fn daemon() -> Unit {
        unit(Service::Daemon {
            host: "lab1".parse().unwrap(),
            nameserver: "tcp://10.77.0.1:7400".to_owned(),
            address: "10.77.0.11".parse().ok(),
            longest: None,
        })
    }

    fn around(osb: &str, of_user: bool) -> Around {
        let environment = [
            ("OSB_STATE_DIR", "/srv/a \"b\" 100% $x\\"),
            ("PATH", "/bin"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Around {
            osb: osb.into(),
            environment: environment.into(),
            of_user,
        }
    }

    #[test]
    fn the_machines_unit_of_a_daemon() {
        let unit = Unit {
            far: true,
            ..daemon()
        };
        assert_eq!(unit.file_name(), "osb-host-survives-lab1.service");
        insta::assert_snapshot!(unit.text(&around("/usr/bin/osb", false)));
    }

    #[test]
    fn a_daemon_gets_the_time_that_its_most_patient_agent_has() {
        let Service::Daemon {
            host,
            nameserver,
            address,
            ..
        } = daemon().service
        else {
            panic!("it is one");
        };
        for (longest, seconds) in [(90_001, 101), (1000, 15)] {
            let unit = unit(Service::Daemon {
                host: host.clone(),
                nameserver: nameserver.clone(),
                address,
                longest: Some(Millis::new(longest)),
            });
            let text = unit.text(&around("/usr/bin/osb", false));
            assert!(
                text.contains(&format!("\nTimeoutStopSec={seconds}\n")),
                "{text}"
            );
        }
    }

    #[test]
    fn a_users_unit_of_a_name_server_in_a_strange_place() {
        let unit = Unit {
            group: "lab".parse().ok(),
            ..unit(Service::NameServer {
                at: "[fd00::1]:7400".parse().unwrap(),
                open: true,
            })
        };
        assert_eq!(unit.file_name(), "osb-ns-survives-lab.service");
        insta::assert_snapshot!(unit.text(&around("/home/a user/100%/$osb", true)));
    }

    #[test]
    fn a_file_is_a_systems_by_its_name() {
        let is_of = |system: &str, file: &str| is_unit_of(&system.parse().unwrap(), file.as_ref());
        assert!(is_of(
            "survives",
            "/etc/systemd/system/osb-host-survives-lab1.service"
        ));
        assert!(is_of("survives", "osb-ns-survives.service"));
        assert!(!is_of("surv", "osb-ns-survives.service"));
        assert!(!is_of("survives", "osb-ns-survives.service.old"));
        assert!(!is_of("survives", "osb-host.service"));
        let unit = Unit {
            system: "a-b".parse().unwrap(),
            ..daemon()
        };
        assert_eq!(unit.file_name(), "osb-host-a\\x2db-lab1.service");
        assert!(is_of("a-b", &unit.file_name()) && !is_of("a", &unit.file_name()));
    }
}
