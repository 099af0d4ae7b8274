//! What can be looked at, and the columns of each.

use std::fmt;
use std::str::FromStr;

/// A view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum View {
    Systems,
    Hosts,
    Agents,
    Wires,
}

/// A column of a table.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    pub title: &'static str,
    /// What programs call it.
    pub word: &'static str,
    /// The lowest goes first where there is no room. None: it stays.
    pub spare: Option<u8>,
    /// Numbers, which end where their column ends; they are sorted from the largest down.
    pub is_number: bool,
    /// Counts, which have no fractions.
    pub is_whole: bool,
    /// What agents have to be asked for.
    pub is_asked: bool,
}

impl Column {
    const fn text(title: &'static str, word: &'static str) -> Self {
        Self {
            title,
            word,
            spare: None,
            is_number: false,
            is_whole: false,
            is_asked: false,
        }
    }

    const fn number(title: &'static str, word: &'static str) -> Self {
        Self {
            is_number: true,
            ..Self::text(title, word)
        }
    }

    const fn asked(title: &'static str, word: &'static str) -> Self {
        Self {
            is_asked: true,
            ..Self::number(title, word)
        }
    }

    const fn whole(self) -> Self {
        Self {
            is_whole: true,
            ..self
        }
    }

    const fn spare(self, rank: u8) -> Self {
        Self {
            spare: Some(rank),
            ..self
        }
    }
}

const SYSTEMS: &[Column] = &[
    Column::text("SYSTEM", "system"),
    Column::text("STATE", "state"),
    Column::text("NAME SERVERS", "nameservers").spare(2),
    Column::text("FILE", "file").spare(1),
];

const HOSTS: &[Column] = &[
    Column::text("HOST", "host"),
    Column::text("STATE", "state"),
    Column::number("AGENTS", "agents").whole().spare(6),
    Column::asked("CPU%", "cpu").spare(5),
    Column::asked("MEM", "memory").whole().spare(4),
    Column::text("ADDRESS", "address").spare(2),
    Column::number("UP", "uptime_s").spare(3),
    Column::text("VERSION", "version").spare(1),
];

const AGENTS: &[Column] = &[
    Column::text("AGENT", "agent"),
    Column::text("STATE", "state"),
    Column::text("HOST", "host").spare(5),
    Column::asked("IN/S", "received_per_s").spare(9),
    Column::asked("OUT/S", "sent_per_s").spare(10),
    Column::asked("QUEUE", "queued").whole().spare(7),
    Column::asked("LOST", "lost").whole().spare(8),
    Column::asked("CPU%", "cpu").spare(11),
    Column::asked("MEM", "memory").whole().spare(6),
    Column::asked("PROG%", "program_cpu").spare(2),
    Column::asked("PMEM", "program_memory").whole().spare(1),
    Column::number("RST", "restarts").whole().spare(4),
    Column::number("UP", "uptime_s").spare(3),
];

const WIRES: &[Column] = &[
    Column::text("FROM", "from"),
    Column::text("TO", "to"),
    Column::text("STATE", "state"),
    Column::asked("IN/S", "received_per_s").spare(5),
    Column::asked("OUT/S", "sent_per_s").spare(6),
    Column::text("KINDS", "kinds").spare(3),
    Column::number("SINCE", "since_s").spare(4),
    Column::number("TIMES", "times").whole().spare(1),
    Column::text("ADDRESS", "address").spare(0),
];

impl View {
    pub const ALL: [View; 4] = [View::Systems, View::Hosts, View::Agents, View::Wires];

    pub fn columns(self) -> &'static [Column] {
        match self {
            View::Systems => SYSTEMS,
            View::Hosts => HOSTS,
            View::Agents => AGENTS,
            View::Wires => WIRES,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            View::Systems => "systems",
            View::Hosts => "hosts",
            View::Agents => "agents",
            View::Wires => "wires",
        }
    }

    /// The one so many further on, round and round.
    pub fn next(self, by: usize) -> Self {
        Self::ALL[(self as usize + by) % Self::ALL.len()]
    }

    /// The column of that title, in whatever case, or of that word.
    pub fn column(self, name: &str) -> Option<usize> {
        let mut columns = self.columns().iter();
        columns.position(|it| it.title.eq_ignore_ascii_case(name) || it.word == name)
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for View {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut all = Self::ALL.into_iter();
        all.find(|it| it.as_str() == text)
            .ok_or("it is systems, hosts, agents or wires")
    }
}
