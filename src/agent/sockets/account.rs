//! The outcome of the messages that went by a socket's connections, each called a line from its handshake to its
//! end. A line that ends takes with it what its reader has not got; only both ends together know how much that is.
//! So readers tell writers what has come, and the end that has connected sees to that: the other end does not know
//! who it is. Here it is known what there is to tell or to ask; `agent::accounts` does it.

use std::collections::{BTreeMap, VecDeque};
use std::mem;

use super::Slot;
use super::id::LinkId;
use super::make::{counts, reads, writes};
use crate::agent::core::Ledger;
use crate::model::{SocketId, SocketStats};
use crate::wire::{Arrived, Given};
use crate::zeromq::{self, Line};

/// How many lines are remembered that have ended and may be asked for.
const REMEMBERED: usize = 1000;
/// How often the same is told or asked in vain.
const TRIES: u32 = 30;

/// The account of one socket.
#[derive(Default)]
pub(crate) struct Account {
    /// A writer's: what its readers have not got, and what is not known of.
    pub ledger: Ledger,
    /// A writer's that has connected: where lines led that are open in the ledger.
    dialled: BTreeMap<Box<str>, Box<str>>,
    /// A reader's that has connected: lines that have ended, and where they led. Their writers do not know yet.
    untold: BTreeMap<Box<str>, (Box<str>, u64)>,
    /// What was told last of lines that stand.
    told: BTreeMap<Box<str>, u64>,
    /// A reader's that has bound: lines that have ended, the oldest first.
    ended: VecDeque<(Box<str>, u64)>,
    /// A reader's that has bound: what was given to lines whose writers have left.
    pub left: BTreeMap<Box<str>, u64>,
    /// How many messages the socket had passed on at the last look.
    seen: u64,
    /// A peer is being told or asked.
    busy: bool,
    tries: u32,
    /// What the log has said last of losses, and what it would have said at the last look.
    pub logged: (u64, u64),
    pub noted: (u64, u64),
}

/// What there is to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// To tell the writer what has come.
    Tell(SocketId, Vec<Arrived>),
    /// To ask the reader what has come.
    Ask(SocketId, Vec<Box<str>>),
}

impl Slot {
    /// Takes note of lines that have ended.
    pub(crate) fn settle_lines(&mut self) {
        // libzmq does what there is to do when it is asked something.
        let _ = self.socket.get_events();
        while let Some(line) = zeromq::next_ended(&mut self.socket) {
            if let Some(name) = &line.name {
                self.account.left.remove(name);
            }
            if counts(self.kind) {
                self.note_ended(line);
            }
        }
    }

    /// The lines that stand now.
    pub(crate) fn standing_lines(&mut self) -> Vec<Line> {
        self.settle_lines();
        zeromq::lines(&mut self.socket)
    }

    /// Those of one of its links.
    pub(crate) fn lines_of(&mut self, link: LinkId) -> Vec<Box<str>> {
        let address = self.link(link).map(|it| it.server.address.clone());
        let only = self.links.len() == 1;
        let lines = self.standing_lines().into_iter();
        let own = lines.filter(|it| it.dialled && (only || Some(&*it.there) == address.as_deref()));
        own.filter_map(|it| it.name).collect()
    }

    /// Gives no more to these lines. Tells what was given to each, of those that stand.
    pub(crate) fn leave_out(&mut self, lines: &[Box<str>]) -> Vec<Given> {
        let standing = self.standing_lines().into_iter();
        let meant = standing.filter_map(|it| Some((it.name?, it.given)));
        let meant: Vec<_> = meant.filter(|(name, _)| lines.contains(name)).collect();
        let socket = &mut self.socket;
        let left_out = meant.into_iter().map(|(line, given)| {
            zeromq::leave_out(socket, &line);
            Given { line, given }
        });
        left_out.collect()
    }

    /// Those of them that stand, and those that have ended and are remembered, each once: what was said last of it.
    pub(crate) fn known_of(&mut self, lines: Vec<Given>) -> (Vec<Given>, Vec<Given>) {
        let said = lines.into_iter().map(|it| (it.line, it.given));
        let mut said: BTreeMap<Box<str>, u64> = said.collect();
        let standing = self.standing_lines().into_iter();
        let standing: Vec<Box<str>> = standing.filter_map(|it| it.name).collect();
        let ended = self.account.ended.iter().map(|(name, _)| name.clone());
        let ended: Vec<Box<str>> = ended.collect();
        let mut take = |names: Vec<Box<str>>| -> Vec<Given> {
            let found = names.into_iter().filter_map(|it| said.remove_entry(&it));
            found.map(|(line, given)| Given { line, given }).collect()
        };
        (take(standing), take(ended))
    }

    fn note_ended(&mut self, line: Line) {
        let account = &mut self.account;
        if writes(self.kind) {
            if let Some(name) = line.name.as_ref().filter(|_| line.dialled) {
                account.dialled.insert(name.clone(), line.there);
                account.tries = 0;
            }
            account.ledger.end(line.name, line.given);
            return account.forget_settled();
        }
        let Some(name) = line.name else {
            return;
        };
        account.told.remove(&name);
        if line.dialled {
            account.untold.insert(name, (line.there, line.received));
            account.tries = 0;
        } else {
            if account.ended.len() >= REMEMBERED {
                account.ended.pop_front();
            }
            account.ended.push_back((name, line.received));
        }
    }

    /// The counts of its messages, with the losses that are known by now.
    pub(crate) fn stats_now(&mut self) -> SocketStats {
        self.settle_lines();
        let publishes = self.kind.publishes();
        SocketStats {
            dropped: self.stats.dropped + self.losses(),
            waiting: self.waiting(),
            unconfirmed: self.account.ledger.unconfirmed(),
            matched: publishes.then(|| zeromq::matched(&mut self.socket)),
            ..self.stats
        }
    }

    /// What is lost of what libzmq has taken.
    pub(crate) fn losses(&mut self) -> u64 {
        let missed = match self.kind.publishes() {
            true => zeromq::missed(&mut self.socket),
            false => 0,
        };
        self.account.ledger.lost() + missed
    }

    /// How many messages wait here or at libzmq for a connection to take them.
    pub(crate) fn unsent(&mut self) -> u64 {
        let request_socket = self.request_socket.as_mut().map_or(0, |request_socket| {
            zeromq::queued(request_socket.socket_mut())
        });
        let waiting = u64::try_from(self.outbox.len()).unwrap_or(u64::MAX);
        waiting + self.waiting() + request_socket
    }

    /// How many libzmq has taken and no connection yet.
    fn waiting(&mut self) -> u64 {
        match reads(self.kind) {
            // What a SUB has for its publisher is no message.
            true => 0,
            false => zeromq::queued(&mut self.socket),
        }
    }

    /// What to report or to ask now, if nothing is under way. Idle sockets are not looked at.
    pub(crate) fn accounts_due(&mut self) -> Vec<Due> {
        if self.links.is_empty() || self.account.busy || !counts(self.kind) {
            return Vec::new();
        }
        let through = self.stats.sent + self.stats.received;
        let open = !self.account.untold.is_empty() || !self.account.dialled.is_empty();
        let moved = mem::replace(&mut self.account.seen, through) != through;
        if !(moved || open) {
            return Vec::new();
        }
        let due = match writes(self.kind) {
            true => self.what_to_ask(),
            false => self.what_to_tell(false),
        };
        self.account.busy = !due.is_empty();
        due
    }

    /// What a reader has to tell; at its end, of lines too that stand.
    pub(crate) fn what_to_tell(&mut self, over: bool) -> Vec<Due> {
        let mut by_writer: BTreeMap<SocketId, Vec<Arrived>> = BTreeMap::new();
        let mut tell = |to: Option<SocketId>, arrived| {
            if let Some(to) = to {
                by_writer.entry(to).or_default().push(arrived);
            }
        };
        for (name, (there, received)) in &self.account.untold {
            tell(self.leads_to(there), arrived(name, *received, true));
        }
        for line in zeromq::lines(&mut self.socket)
            .into_iter()
            .filter(|line| line.dialled)
        {
            let Some(name) = line.name else {
                continue;
            };
            if over || self.account.told.get(&name) != Some(&line.received) {
                tell(
                    self.leads_to(&line.there),
                    arrived(&name, line.received, over),
                );
            }
        }
        by_writer
            .into_iter()
            .map(|(to, lines)| Due::Tell(to, lines))
            .collect()
    }

    fn what_to_ask(&mut self) -> Vec<Due> {
        let mut by_reader: BTreeMap<SocketId, Vec<Box<str>>> = BTreeMap::new();
        let standing = zeromq::lines(&mut self.socket)
            .into_iter()
            .filter(|line| line.dialled);
        let standing = standing.filter_map(|line| Some((line.name?, line.there)));
        let ended = self.account.dialled.iter();
        let ended = ended.map(|(name, there)| (name.clone(), there.clone()));
        for (name, there) in standing.chain(ended) {
            if let Some(to) = self.leads_to(&there) {
                by_reader.entry(to).or_default().push(name);
            }
        }
        by_reader
            .into_iter()
            .map(|(to, lines)| Due::Ask(to, lines))
            .collect()
    }

    /// Whose socket is at an address that was dialled. It is asked at this agent's own name server.
    pub(crate) fn leads_to(&self, there: &str) -> Option<SocketId> {
        let mut links = self.links.iter();
        let link = match &self.links[..] {
            // libzmq may write the address otherwise than it was given.
            [only] => Some(only),
            _ => links.find(|link| *link.server.address == *there),
        };
        let to = link.and_then(|link| link.to.clone())?;
        to.agent.nameserver.is_none().then_some(to)
    }

    /// The same of lines whose writers have left.
    pub(crate) fn arrived_of(&mut self, lines: &[Given]) -> Vec<Arrived> {
        let names: Vec<Box<str>> = lines.iter().map(|it| it.line.clone()).collect();
        self.arrived(&names)
    }

    /// A reader that has bound: what has come by these lines.
    pub(crate) fn arrived(&mut self, names: &[Box<str>]) -> Vec<Arrived> {
        self.settle_lines();
        let lines = zeromq::lines(&mut self.socket);
        let standing = |name: &str| lines.iter().find(|line| line.name.as_deref() == Some(name));
        let ended = |name: &str| {
            self.account
                .ended
                .iter()
                .rev()
                .find(|(it, _)| **it == *name)
        };
        let known = |name: &str| match (standing(name), ended(name)) {
            (Some(line), _) => Some(arrived(name, line.received, false)),
            (None, Some((_, received))) => Some(arrived(name, *received, true)),
            (None, None) => None,
        };
        names.iter().filter_map(|name| known(name)).collect()
    }
}

impl Account {
    /// Writers have left these lines.
    pub(crate) fn note_left(&mut self, lines: &[Given]) {
        let room = REMEMBERED.saturating_sub(self.left.len());
        let lines = lines.iter().take(room);
        self.left
            .extend(lines.map(|it| (it.line.clone(), it.given)));
    }

    /// The writer knows.
    pub(crate) fn has_told(&mut self, lines: &[Arrived]) {
        (self.busy, self.tries) = (false, 0);
        for line in lines {
            match line.last {
                true => drop(self.untold.remove(&line.line)),
                false => drop(self.told.insert(line.line.clone(), line.received)),
            }
        }
    }

    /// The reader has answered. What it does not know any more is never confirmed.
    pub(crate) fn has_been_told(&mut self, asked: &[Box<str>], lines: &[Arrived]) {
        (self.busy, self.tries) = (false, 0);
        for line in lines {
            self.ledger.tell(line);
        }
        let unknown = |name: &str| !lines.iter().any(|line| *line.line == *name);
        for name in asked.iter().filter(|name| unknown(name)) {
            self.ledger.give_up(name);
        }
        self.forget_settled();
    }

    /// It came to nothing. Where that is for good, or has been so for long, nothing is told or asked of those lines
    /// any more.
    pub(crate) fn came_to_nothing(
        &mut self,
        names: impl Iterator<Item = Box<str>>,
        for_good: bool,
    ) {
        self.busy = false;
        self.tries += 1;
        // It is looked at again, though nothing may have moved.
        self.seen = u64::MAX;
        if for_good || self.tries >= TRIES {
            for name in names {
                self.untold.remove(&name);
                self.ledger.give_up(&name);
            }
            self.forget_settled();
        }
    }

    fn forget_settled(&mut self) {
        let ledger = &self.ledger;
        self.dialled.retain(|name, _| ledger.holds(name));
    }
}

fn arrived(line: &str, received: u64, last: bool) -> Arrived {
    Arrived {
        line: line.into(),
        received,
        last,
    }
}
