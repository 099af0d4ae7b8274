//! `osb top`: a system as it is, on a screen that one can go about in. Pure: what happens comes in with the time, what is to be
//! done comes out, and `draw` makes a picture of it.

mod canvas;
mod cell;
mod details;
mod draw;
mod help;
mod input;
mod keys;
mod known;
mod pane;
mod rows;
#[cfg(test)]
mod tests;
mod view;
mod words;

use std::collections::BTreeMap;
use std::time::Duration;

pub use canvas::Look;
pub use cell::{Cell, Tone};
pub use draw::draw;
pub use input::{Deed, Effect, Feed, FeedId, Input, Key as Pressed};
pub use known::{AgentSeen, Group, HostKey, HostSeen, Known, Now, Rates, Standing, id};
use pane::Pane;
pub use rows::{GAP, Key, Order, Row, SystemSeen, rows, widths};
pub use view::{Column, View};
pub use words::bytes;

use crate::model::AgentId;

/// For how long something is said at the bottom.
const SAID: Duration = Duration::from_secs(8);

/// All that the screen shows.
#[derive(Debug)]
pub struct Top {
    /// What the system is called.
    title: String,
    known: Known,
    systems: Vec<SystemSeen>,
    view: View,
    orders: BTreeMap<View, Order>,
    marks: BTreeMap<View, Mark>,
    filter: String,
    mode: Mode,
    pane: Option<Pane>,
    /// The pane has all the room.
    is_zoomed: bool,
    said: Option<Said>,
    /// What is under way.
    busy: BTreeMap<AgentId, Deed>,
    /// Columns and lines.
    size: (u16, u16),
    /// Of the view, as of the last look.
    rows: Vec<Row>,
    /// The rows are old.
    is_due: bool,
    change: Change,
    next_feed: u64,
}

/// What is selected in a view, and how far it is scrolled.
#[derive(Debug, Clone, Default, PartialEq)]
struct Mark {
    key: Option<Key>,
    at: usize,
    first: usize,
}

/// What keys mean.
#[derive(Debug, Clone, PartialEq)]
enum Mode {
    Browse,
    /// The filter is written; it was this before.
    Filter(String),
    /// Whether it is to be done.
    Confirm(Deed, AgentId),
    Help,
}

/// Something said at the bottom, until then.
#[derive(Debug, Clone, PartialEq)]
struct Said {
    text: String,
    tone: Tone,
    until: Now,
}

/// Whether the screen is another by now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    #[default]
    None,
    /// Numbers only, of which more may come at once.
    Numbers,
    /// Something that is to be seen now.
    Now,
}

/// How the lines of the screen are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Layout {
    /// The line with the system, and that with the views.
    has_head: bool,
    /// The line with the titles of columns, and the last one.
    has_frame: bool,
    rows: usize,
    /// With its title.
    pane: usize,
}

impl Top {
    /// Of a system of which nothing is known yet.
    pub fn new(title: String, groups: impl IntoIterator<Item = Group>, size: (u16, u16)) -> Self {
        Self {
            title,
            known: Known::of(groups),
            systems: Vec::new(),
            view: View::Agents,
            orders: BTreeMap::new(),
            marks: BTreeMap::new(),
            filter: String::new(),
            mode: Mode::Browse,
            pane: None,
            is_zoomed: false,
            said: None,
            busy: BTreeMap::new(),
            size,
            rows: Vec::new(),
            is_due: true,
            change: Change::Now,
            next_feed: 0,
        }
    }

    /// It begins with this view, in this order, and with these names only.
    pub fn starting_with(mut self, view: View, order: Order, filter: String) -> Self {
        self.view = view;
        self.orders.insert(view, order);
        self.filter = filter;
        self
    }

    pub fn known(&self) -> &Known {
        &self.known
    }

    /// Whether the screen is another than it was at the last question.
    pub fn take_change(&mut self) -> Change {
        std::mem::take(&mut self.change)
    }

    /// The rows as they are now, the selected one among those that are shown.
    pub fn prepare(&mut self, now: Now) {
        if self.said.as_ref().is_some_and(|it| it.until <= now) {
            self.said = None;
        }
        if std::mem::take(&mut self.is_due) {
            let seen = (&self.known, &self.systems[..]);
            self.rows = rows(seen, self.view, &self.filter, self.order(), now);
        }
        let (count, room) = (self.rows.len(), self.layout().rows);
        let mark = self.marks.entry(self.view).or_default();
        let found = mark
            .key
            .as_ref()
            .and_then(|key| self.rows.iter().position(|it| it.key == *key));
        mark.at = found.unwrap_or(mark.at).min(count.saturating_sub(1));
        mark.key = self.rows.get(mark.at).map(|it| it.key.clone());
        mark.first = mark.first.min(mark.at).min(count.saturating_sub(room));
        if mark.at >= mark.first + room {
            mark.first = (mark.at + 1).saturating_sub(room);
        }
    }

    fn order(&self) -> Order {
        self.orders.get(&self.view).copied().unwrap_or_default()
    }

    fn mark(&self) -> Mark {
        self.marks.get(&self.view).cloned().unwrap_or_default()
    }

    /// The agent that is selected, or the one that has made the wire that is.
    fn selected_agent(&self) -> Option<AgentId> {
        match self.mark().key? {
            Key::Agent(id) | Key::Wire(id, ..) => Some(id),
            Key::System(_) | Key::Host(_) => None,
        }
    }

    fn layout(&self) -> Layout {
        let height = usize::from(self.size.1);
        let (has_head, has_frame) = (height >= 8, height >= 4);
        let left = height - 2 * usize::from(has_head) - 2 * usize::from(has_frame);
        let pane = match (&self.pane, self.is_zoomed) {
            (None, _) => 0,
            (Some(_), true) => left,
            (Some(_), false) => (left / 2).max(3).min(left),
        };
        Layout {
            has_head,
            has_frame,
            rows: left - pane,
            pane,
        }
    }

    /// The agents that have to be asked for what is shown: those of the rows that are to be seen, or all if it is sorted by what
    /// they say.
    fn asked(&self) -> Vec<AgentId> {
        let column = &self.view.columns()[self.order().column];
        let (mark, room) = (self.mark(), self.layout().rows);
        let rows = match column.is_asked {
            true => &self.rows[..],
            false => {
                let shown = self.rows.iter().skip(mark.first).take(room).count();
                &self.rows[mark.first.min(self.rows.len())..][..shown]
            }
        };
        let mut asked: Vec<AgentId> = rows.iter().flat_map(|it| it.asks.iter().cloned()).collect();
        if self.pane.is_some() {
            asked.extend(self.selected_agent());
        }
        let away = |it: &AgentId| self.known.is_stale(&it.nameserver);
        asked.retain(|it| !away(it));
        asked.sort();
        asked.dedup();
        asked
    }

    fn say(&mut self, text: impl Into<String>, tone: Tone, now: Now) {
        self.said = Some(Said {
            text: text.into(),
            tone,
            until: now + SAID,
        });
        self.change = Change::Now;
    }
}
