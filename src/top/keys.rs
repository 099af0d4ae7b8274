//! What each key does.

use super::cell::Tone;
use super::input::{Deed, Effect, Feed, FeedId, Key};
use super::known::Now;
use super::pane::Pane;
use super::rows::Key as RowKey;
use super::{Mode, Top, View};

impl Top {
    pub(super) fn on_key(&mut self, key: Key, now: Now) -> Vec<Effect> {
        match key {
            Key::Interrupt => return vec![Effect::Quit],
            Key::Suspend => return vec![Effect::Suspend],
            Key::Redraw => return vec![Effect::Redraw],
            _ => {}
        }
        match self.mode.clone() {
            Mode::Browse => self.browse(key, now),
            Mode::Filter(before) => self.write_filter(key, before, now),
            Mode::Confirm(deed, agent) => {
                self.mode = Mode::Browse;
                match key {
                    Key::Char('y' | 'Y') => {
                        self.busy.insert(agent.clone(), deed);
                        self.say(format!("{deed} {agent} ..."), Tone::Plain, now);
                        vec![Effect::Do(deed, agent)]
                    }
                    _ => {
                        self.say(format!("{agent} is left as it is"), Tone::Plain, now);
                        Vec::new()
                    }
                }
            }
            Mode::Help => {
                self.mode = Mode::Browse;
                match key {
                    Key::Char('q') => vec![Effect::Quit],
                    _ => Vec::new(),
                }
            }
        }
    }

    fn browse(&mut self, key: Key, now: Now) -> Vec<Effect> {
        let page = self.layout().rows.max(1);
        match key {
            Key::Char('q') => return vec![Effect::Quit],
            Key::Char('?' | 'h') => self.mode = Mode::Help,
            Key::Char('/') => self.mode = Mode::Filter(self.filter.clone()),
            Key::Char('s') => return self.sort_on(now),
            Key::Char('S') => {
                let order = self.orders.entry(self.view).or_default();
                order.reversed = !order.reversed;
                return self.looked_at(now);
            }
            Key::Char(digit @ '1'..='4') => {
                return self.look_at(View::ALL[digit as usize - '1' as usize], now);
            }
            Key::Tab => return self.look_at(self.view.next(1), now),
            Key::BackTab => return self.look_at(self.view.next(3), now),
            Key::Up | Key::Char('k') => return self.select(|at| at.saturating_sub(1), now),
            Key::Down | Key::Char('j') => return self.select(|at| at + 1, now),
            Key::PageUp => return self.select(|at| at.saturating_sub(page), now),
            Key::PageDown => return self.select(|at| at + page, now),
            Key::Home | Key::Char('g') => return self.select(|_| 0, now),
            Key::End | Key::Char('G') => return self.select(|_| usize::MAX, now),
            Key::Click(column, line) => return self.click(column, line, now),
            Key::Enter => return self.enter(),
            Key::Escape => return self.escape(now),
            Key::Char('z') => self.is_zoomed = self.pane.is_some() && !self.is_zoomed,
            Key::Char('l') => return self.feed(Wanted::Logs, now),
            Key::Char('t') => return self.feed(Wanted::Tap, now),
            Key::Char('r') => self.confirm(Deed::Restart, now),
            Key::Char('x') => self.confirm(Deed::Stop, now),
            Key::Char(_) | Key::Backspace => {}
            Key::Interrupt | Key::Suspend | Key::Redraw => {}
        }
        Vec::new()
    }

    fn write_filter(&mut self, key: Key, before: String, now: Now) -> Vec<Effect> {
        match key {
            Key::Char(letter) => self.filter.push(letter),
            Key::Backspace => drop(self.filter.pop()),
            Key::Enter => self.mode = Mode::Browse,
            Key::Escape => {
                self.filter = before;
                self.mode = Mode::Browse;
            }
            _ => return Vec::new(),
        }
        self.looked_at(now)
    }

    fn sort_on(&mut self, now: Now) -> Vec<Effect> {
        let columns = self.view.columns().len();
        let order = self.orders.entry(self.view).or_default();
        order.column = (order.column + 1) % columns;
        order.reversed = false;
        self.looked_at(now)
    }

    fn look_at(&mut self, view: View, now: Now) -> Vec<Effect> {
        self.view = view;
        let mut effects = match view {
            View::Systems => vec![Effect::Systems],
            View::Hosts | View::Agents | View::Wires => Vec::new(),
        };
        effects.extend(self.looked_at(now));
        effects
    }

    /// Other rows are shown.
    fn looked_at(&mut self, now: Now) -> Vec<Effect> {
        self.is_due = true;
        self.prepare(now);
        let mut effects = self.follow_selection();
        effects.extend(self.ask_for_the_unknown());
        effects
    }

    fn select(&mut self, to: impl Fn(usize) -> usize, now: Now) -> Vec<Effect> {
        let last = self.rows.len().saturating_sub(1);
        let mark = self.marks.entry(self.view).or_default();
        mark.at = to(mark.at).min(last);
        mark.key = self.rows.get(mark.at).map(|it| it.key.clone());
        self.looked_at(now)
    }

    fn click(&mut self, column: u16, line: u16, now: Now) -> Vec<Effect> {
        let layout = self.layout();
        let head = 2 * usize::from(layout.has_head) + usize::from(layout.has_frame);
        let line = usize::from(line);
        if layout.has_head && line == 1 {
            return match super::draw::view_at(self, usize::from(column)) {
                Some(view) => self.look_at(view, now),
                None => Vec::new(),
            };
        }
        let is_row = (head..head + layout.rows).contains(&line);
        let row = (self.mark().first + line).saturating_sub(head);
        match is_row && row < self.rows.len() {
            true => self.select(|_| row, now),
            false => Vec::new(),
        }
    }

    fn enter(&mut self) -> Vec<Effect> {
        match (self.mark().key, &self.pane) {
            (Some(RowKey::System(name)), _) => vec![Effect::Open(name)],
            (None, _) => Vec::new(),
            (Some(_), Some(Pane::Details)) => self.close_pane(),
            (Some(_), _) => {
                let effects = self.close_pane();
                self.pane = Some(Pane::Details);
                effects
            }
        }
    }

    fn escape(&mut self, now: Now) -> Vec<Effect> {
        if self.pane.is_some() {
            return self.close_pane();
        }
        self.filter.clear();
        self.looked_at(now)
    }

    fn close_pane(&mut self) -> Vec<Effect> {
        self.is_zoomed = false;
        match self.pane.take() {
            Some(Pane::Fed(_)) => vec![Effect::EndFeed],
            Some(Pane::Details) | None => Vec::new(),
        }
    }

    /// The pane shows the log, or the messages, of what is selected; or no more, if it did.
    fn feed(&mut self, wanted: Wanted, now: Now) -> Vec<Effect> {
        let shown = self.pane.as_ref().and_then(Pane::feed);
        if shown.is_some_and(|it| wanted == Wanted::of(it)) {
            return self.close_pane();
        }
        match self.wanted(wanted) {
            Some(feed) => self.begin(feed),
            None => {
                self.say("select an agent first: 3 shows them", Tone::Doubtful, now);
                Vec::new()
            }
        }
    }

    fn wanted(&self, wanted: Wanted) -> Option<Feed> {
        let agent = self.selected_agent()?;
        let alias = match self.mark().key {
            Some(RowKey::Wire(_, alias, _)) => Some(alias),
            _ => None,
        };
        Some(match wanted {
            Wanted::Logs => Feed::Logs(agent),
            Wanted::Tap => Feed::Tap(agent, alias),
        })
    }

    fn begin(&mut self, feed: Feed) -> Vec<Effect> {
        self.next_feed += 1;
        let id = FeedId(self.next_feed);
        self.pane = Some(Pane::fed(id, feed.clone()));
        vec![Effect::Feed(id, feed)]
    }

    /// What is fed is of what is selected.
    fn follow_selection(&mut self) -> Vec<Effect> {
        let shown = self.pane.as_ref().and_then(Pane::feed);
        let Some(shown) = shown else {
            return Vec::new();
        };
        match self.wanted(Wanted::of(shown)) {
            Some(feed) if feed != *shown => self.begin(feed),
            _ => Vec::new(),
        }
    }

    fn confirm(&mut self, deed: Deed, now: Now) {
        match self.selected_agent() {
            Some(agent) if self.busy.contains_key(&agent) => {
                self.say(format!("{agent} is not done yet"), Tone::Doubtful, now);
            }
            Some(agent) => self.mode = Mode::Confirm(deed, agent),
            None => self.say("select an agent first: 3 shows them", Tone::Doubtful, now),
        }
    }
}

/// What of an agent is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Logs,
    Tap,
}

impl Wanted {
    fn of(feed: &Feed) -> Self {
        match feed {
            Feed::Logs(_) => Wanted::Logs,
            Feed::Tap(..) => Wanted::Tap,
        }
    }
}
