//! `osb ls sockets`: what went through each socket, and what did not.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{AgentId, Alias, SocketStats};
use crate::render::json::pretty;
use crate::render::table::Width::{Needed, Spare};
use crate::render::table::{Table, bad};
use crate::render::{Report, Style};
use crate::wire::AgentStatus;

/// How many agents a row names.
const LISTED: usize = 4;

/// What agents say of their insides, in the order they come.
pub struct Sockets(pub Vec<(AgentId, AgentStatus)>);

impl Report for Sockets {
    fn table(&self, style: Style) -> String {
        let rows = self.0.iter().flat_map(|(agent, status)| {
            let sockets = status.sockets.iter();
            sockets.map(move |(alias, stats)| Row {
                name: format!("{agent}.{alias}"),
                stats,
                admits: status.admits.get(alias),
            })
        });
        let mut table = Table::new(style)
            .column("SOCKET", Needed, |it: &Row<'_>| it.name.clone())
            .column("RECEIVED", Needed, |it| it.stats.received)
            .column("SENT", Needed, |it| it.stats.sent)
            .column("DROPPED", Needed, |it| bad(it.stats.dropped))
            .column("UNCONFIRMED", Spare(2), |it| bad(it.stats.unconfirmed))
            .column("GARBLED", Spare(1), |it| bad(it.stats.garbled));
        if self.0.iter().any(|(_, status)| !status.admits.is_empty()) {
            table = table.column("ADMITS", Spare(3), |it| admits(it.admits));
        }
        let table = table.render(rows);
        let troubles: Vec<String> = self.0.iter().filter_map(trouble).collect();
        [table, troubles.join("\n")]
            .join("\n\n")
            .trim_end()
            .to_owned()
    }

    fn json(&self) -> String {
        let objects = self.0.iter().map(|(agent, status)| Object {
            agent,
            sockets: &status.sockets,
            admits: &status.admits,
            garbage_lines: status.garbage_lines,
            skipped_ticks: status.skipped_ticks,
        });
        pretty(&objects.collect::<Vec<_>>())
    }

    fn names(&self) -> Vec<String> {
        let names = self.0.iter().flat_map(|(agent, status)| {
            status
                .sockets
                .keys()
                .map(move |alias| format!("{agent}.{alias}"))
        });
        names.collect()
    }
}

struct Row<'a> {
    name: String,
    stats: &'a SocketStats,
    admits: Option<&'a Vec<String>>,
}

/// The agents that may connect; of many, only how many.
fn admits(words: Option<&Vec<String>>) -> String {
    match words.map(Vec::as_slice) {
        // It connects itself.
        None => String::new(),
        Some([]) => "-".to_owned(),
        Some(words) if words.len() > LISTED => format!("{} agents", words.len()),
        Some(words) => words.join(" "),
    }
}

/// What no socket is to blame for.
fn trouble((agent, status): &(AgentId, AgentStatus)) -> Option<String> {
    let mut parts = Vec::new();
    if status.garbage_lines > 0 {
        parts.push(format!(
            "lines of its command that were none of the protocol's: {}",
            status.garbage_lines
        ));
    }
    if status.skipped_ticks > 0 {
        parts.push(format!(
            "ticks of its timers that came to nothing: {} (`osb timers {agent}` shows which)",
            status.skipped_ticks
        ));
    }
    (!parts.is_empty()).then(|| format!("{agent}: {}", parts.join("; ")))
}

#[derive(Serialize)]
struct Object<'a> {
    agent: &'a AgentId,
    sockets: &'a BTreeMap<Alias, SocketStats>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    admits: &'a BTreeMap<Alias, Vec<String>>,
    garbage_lines: u64,
    skipped_ticks: u64,
}
