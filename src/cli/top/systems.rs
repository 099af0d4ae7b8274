//! The systems of this machine, as the screen shows them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Hear, Heard};
use crate::cli::ls;
use crate::model::NameServerName;
use crate::render::{SystemRow, SystemState};
use crate::top::{Input, SystemSeen, Tone};

/// Looks for them on a thread that may wait; not while another does.
pub(super) fn look(hear: Hear, is_looking: &Arc<AtomicBool>) {
    if is_looking.swap(true, Ordering::Relaxed) {
        return;
    }
    let is_looking = Arc::clone(is_looking);
    tokio::task::spawn_blocking(move || {
        let input = match ls::system_rows() {
            Ok(rows) => Input::Systems(rows.into_iter().map(seen).collect()),
            Err(error) => Input::Said(error.to_string()),
        };
        is_looking.store(false, Ordering::Relaxed);
        // Nobody listens any more: it has ended.
        let _ = hear.send(Heard::Input(input));
    });
}

pub(super) fn seen(row: SystemRow) -> SystemSeen {
    let only = NameServerName::only();
    let nameservers = row.nameservers.iter().map(|it| {
        let address = it.address.trim_start_matches("tcp://");
        match it.name == only {
            true => address.to_owned(),
            false => format!("{} {address}", it.name.as_str()),
        }
    });
    let nameservers: Vec<String> = nameservers.collect();
    SystemSeen {
        name: row.name,
        state: row.state.as_str(),
        tone: match row.state {
            SystemState::Running => Tone::Good,
            SystemState::Starting => Tone::Doubtful,
            SystemState::Down | SystemState::Dead | SystemState::Damaged => Tone::Bad,
        },
        nameservers: nameservers.join(", "),
        file: row.reason.unwrap_or(row.file),
    }
}
