//! What was made by hand, in words.

use super::steps::{socket, wire};
use crate::model::harmless_line;
use crate::plan::{ByHand, Conflict, Note, TakeOver};

/// What becomes of it, one line each. Empty if there is none.
pub(super) fn lines(all: &TakeOver) -> String {
    let TakeOver {
        change: _,
        taken_over,
        untouched,
        lost,
        conflicts,
        notes,
    } = all;
    let made = |what: &str, some: &[ByHand]| -> Vec<String> {
        let line = |it: &ByHand| format!("made by hand, {what}: {}", thing(it));
        some.iter().map(line).collect()
    };
    let conflicts = conflicts.iter().map(conflict);
    let lines = made("taken over", taken_over)
        .into_iter()
        .chain(made("left alone", untouched))
        .chain(made("ends with its process", lost))
        .chain(conflicts)
        .chain(notes.iter().map(note));
    let lines: String = lines
        .map(|line| format!("{}\n", harmless_line(&line)))
        .collect();
    match lines.is_empty() {
        true => lines,
        false => format!("\n{lines}"),
    }
}

/// Such as `socket Alice.main PUSH tcp://127.0.0.1:0`.
pub(super) fn thing(it: &ByHand) -> String {
    match it {
        ByHand::Agent { agent } => format!("agent {agent}"),
        ByHand::Socket {
            agent,
            socket: bound,
        } => format!("{agent}: {}", socket(bound)),
        ByHand::Wire {
            agent,
            wire: connected,
        } => format!("{agent}: {}", wire(connected)),
        ByHand::Handlers { agent, alias, .. } => format!("{agent}: {alias}: its handlers"),
    }
}

/// What keeps the system from becoming what the file says.
fn conflict(it: &Conflict) -> String {
    let what = match it {
        Conflict::Agent { agent } | Conflict::Spawned { agent } => {
            format!("agent {agent}, which the file is to start")
        }
        Conflict::Socket { socket } => format!("{socket}, which is otherwise in the file"),
    };
    format!("made by hand, in the way: {what}: {}", remedy(it))
}

/// What to do about it.
pub fn remedy(it: &Conflict) -> String {
    match it {
        Conflict::Agent { agent } => format!("end {agent} first"),
        Conflict::Spawned { agent } => {
            format!("{agent} was spawned: end it first, with `osb remove {agent}`")
        }
        Conflict::Socket { socket } => {
            format!("first `osb close {} {}`", socket.agent, socket.alias)
        }
    }
}

/// What a topology does not say, or says otherwise.
pub(super) fn note(it: &Note) -> String {
    match it {
        Note::Silent { agent } => {
            format!("{agent} does not tell what sockets it has: written as it is meant to be")
        }
        Note::Foreign { agent } => format!(
            "{agent}, which others have started, does not tell what sockets it has: left out"
        ),
        Note::Ended {
            agent,
            state: Some(state),
        } => format!("{agent} is {state}: written as it is meant to be"),
        Note::Ended { agent, state: None } => {
            format!("{agent} is not there: written as it is meant to be")
        }
        Note::Closed { socket } => {
            format!("{socket} was closed by hand: written as it is meant to be")
        }
        Note::Address { socket, address } => format!(
            "{socket} is connected to {address}, which is no socket of the system: left out"
        ),
        Note::Further { socket, to } => format!(
            "{socket} is connected to {to} too, and a topology has one connection for each alias: left out"
        ),
        Note::Timer { agent, timer } => {
            format!("the timer {timer} of {agent} was made by hand: left out")
        }
        Note::Refused { what, why } => {
            format!("{}: left out, for no file says that: {why}", thing(what))
        }
        Note::Unreadable { why } => format!("this cannot be read as a file: {why}"),
        Note::Folder { folder } => {
            format!("commands of on_failed run in the folder of their file: keep this in {folder}")
        }
    }
}
