//! `osb ls sockets`: what went through each socket, and what did not.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{AgentId, Alias, SocketStats};
use crate::render::json::pretty;
use crate::render::table::{Field, Table};
use crate::render::{Paint, Report, Style};
use crate::wire::AgentStatus;

/// What agents say of their insides, in the order they come.
pub struct Sockets(pub Vec<(AgentId, AgentStatus)>);

impl Report for Sockets {
    fn table(&self, style: Style) -> String {
        let header = [
            "SOCKET",
            "RECEIVED",
            "SENT",
            "DROPPED",
            "UNCONFIRMED",
            "GARBLED",
        ];
        let mut table = Table::new(style, &header).leaving_out(&["GARBLED", "UNCONFIRMED"]);
        for (agent, status) in &self.0 {
            for (alias, stats) in &status.sockets {
                table.row(row(agent, alias, stats));
            }
        }
        let troubles: Vec<String> = self.0.iter().filter_map(trouble).collect();
        [table.render(), troubles.join("\n")]
            .join("\n\n")
            .trim_end()
            .to_owned()
    }

    fn json(&self) -> String {
        let objects = self.0.iter().map(|(agent, status)| Object {
            agent,
            sockets: &status.sockets,
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

fn row(agent: &AgentId, alias: &Alias, stats: &SocketStats) -> [Field; 6] {
    let bad = |count: u64| match count {
        0 => 0.into(),
        _ => Field::painted(count, Paint::Bad),
    };
    [
        format!("{agent}.{alias}").into(),
        stats.received.into(),
        stats.sent.into(),
        bad(stats.dropped),
        bad(stats.unconfirmed),
        bad(stats.garbled),
    ]
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
            "ticks of its timers that could not be sent: {}",
            status.skipped_ticks
        ));
    }
    (!parts.is_empty()).then(|| format!("{agent}: {}", parts.join("; ")))
}

#[derive(Serialize)]
struct Object<'a> {
    agent: &'a AgentId,
    sockets: &'a BTreeMap<Alias, SocketStats>,
    garbage_lines: u64,
    skipped_ticks: u64,
}
