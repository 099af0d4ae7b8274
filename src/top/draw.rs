//! The picture: lines of text on a screen of any size. What colours say, words say too.

use ratatui::Frame;
use ratatui::style::{Modifier, Style};

use super::canvas::{Look, Screen};
use super::cell::Tone;
use super::details::details;
use super::help::HELP;
use super::input::Feed;
use super::known::Now;
use super::pane::Pane;
use super::rows::{GAP, Row, widths};
use super::{Mode, Top, View};
use crate::model::age;

/// Draws all of it.
pub fn draw(frame: &mut Frame<'_>, top: &mut Top, look: Look, now: Now) {
    let area = frame.area();
    top.size = (area.width, area.height);
    top.prepare(now);
    let mut screen = Screen::new(frame.buffer_mut(), area, look);
    let layout = top.layout();
    if layout.has_head {
        title(top, &mut screen, now);
        tabs(top, &mut screen);
    }
    match top.mode {
        Mode::Help => help(&mut screen),
        Mode::Browse | Mode::Filter(_) | Mode::Confirm(..) => {
            table(top, &mut screen, layout.has_frame, layout.rows);
            pane(top, &mut screen, layout.pane, now);
        }
    }
    if layout.has_frame {
        screen.line = area.height.saturating_sub(1);
        bottom(top, &mut screen);
    }
}

fn title(top: &Top, screen: &mut Screen<'_>, now: Now) {
    let (agents, running, bad) = top.known.counts();
    let hosts = top.known.hosts.len();
    let of = |count: usize, one: &str| match count {
        1 => format!("1 {one}"),
        many => format!("{many} {one}s"),
    };
    let mut text = format!(
        "osb top  {}  {}, {}: {running} running",
        top.title,
        of(hosts, "host"),
        of(agents, "agent")
    );
    if bad > 0 {
        text += &format!(", {bad} not well");
    }
    let strong = Style::default().add_modifier(Modifier::BOLD);
    screen.put(0, &text, usize::MAX, strong);
    let away = top
        .known
        .groups
        .iter()
        .find_map(|(group, it)| Some((group, it.away.as_ref()?)));
    let warning = match away {
        Some((group, (since, why))) => {
            let name = group
                .as_ref()
                .map(|it| format!(" {}", it.as_str()))
                .unwrap_or_default();
            let since = age(now.saturating_sub(*since));
            Some(format!("name server{name} {why} for {since}: old values?"))
        }
        None if top.known.groups.values().any(|it| !it.has_told) => Some("asking ...".to_owned()),
        None => None,
    };
    if let Some(warning) = warning {
        let length = warning.chars().count();
        // It matters more than what it may cover.
        let column = screen.width().saturating_sub(length);
        let style = screen.style(Tone::Bad).add_modifier(Modifier::REVERSED);
        screen.put(column, &warning, length, style);
    }
    screen.next();
}

fn tab(top: &Top, view: View) -> String {
    let number = view as usize + 1;
    match view == top.view {
        true => format!("[{number} {view}]"),
        false => format!(" {number} {view} "),
    }
}

/// The view whose name stands there.
pub(super) fn view_at(top: &Top, column: usize) -> Option<View> {
    let mut end = 0;
    View::ALL.into_iter().find(|view| {
        end += tab(top, *view).len();
        column < end
    })
}

fn tabs(top: &Top, screen: &mut Screen<'_>) {
    let mut column = 0;
    for view in View::ALL {
        let text = tab(top, view);
        let style = match view == top.view {
            true => Style::default().add_modifier(Modifier::BOLD),
            false => screen.style(Tone::Faint),
        };
        screen.put(column, &text, text.len(), style);
        column += text.len();
    }
    let order = top.order();
    let told = &top.view.columns()[order.column];
    let arrow = match told.is_number != order.reversed {
        true => "▼",
        false => "▲",
    };
    let mut text = format!("sort {} {arrow}", told.title);
    if !top.filter.is_empty() {
        text = format!("only {}  {text}", top.filter);
    }
    let length = text.chars().count();
    let column = screen.width().saturating_sub(length).max(column + 1);
    screen.put(column, &text, length, Style::default());
    screen.next();
}

/// What stands before each row.
const MARGIN: usize = 2;

fn table(top: &Top, screen: &mut Screen<'_>, has_titles: bool, room: usize) {
    let width = screen.width().saturating_sub(MARGIN);
    let widths = widths(top.view, &top.rows, width);
    let columns = top.view.columns();
    if has_titles {
        let mut column = MARGIN;
        for (at, width) in &widths {
            let Some(told) = columns.get(*at) else {
                continue;
            };
            let text = aligned(told.title, *width, told.is_number);
            let mut style = screen.style(Tone::Plain).add_modifier(Modifier::BOLD);
            if *at == top.order().column {
                style = style.add_modifier(Modifier::UNDERLINED);
            }
            screen.put(column, &text, *width, style);
            column += width + GAP;
        }
        screen.next();
    }
    let mark = top.mark();
    let end = screen
        .line
        .saturating_add(u16::try_from(room).unwrap_or(u16::MAX));
    for (at, row) in top.rows.iter().enumerate().skip(mark.first).take(room) {
        let is_selected = at == mark.at;
        put_row(row, &widths, columns, is_selected, screen);
        screen.next();
    }
    if top.rows.is_empty() && room > 0 {
        let text = match (top.filter.is_empty(), top.view) {
            (false, _) => "no name has this in it",
            (true, View::Wires) => "no agent has connected to another",
            (true, _) => "there are none",
        };
        screen.put(MARGIN, text, usize::MAX, screen.style(Tone::Faint));
    }
    screen.line = end;
}

fn put_row(
    row: &Row,
    widths: &std::collections::BTreeMap<usize, usize>,
    columns: &[super::view::Column],
    is_selected: bool,
    screen: &mut Screen<'_>,
) {
    if is_selected {
        screen.put(0, "▸", 1, Style::default().add_modifier(Modifier::BOLD));
    }
    let mut column = MARGIN;
    for (at, width) in widths {
        let (Some(cell), Some(told)) = (row.cells.get(*at), columns.get(*at)) else {
            continue;
        };
        let text = aligned(&cell.text, *width, told.is_number);
        let style = match row.is_stale {
            true => screen.style(Tone::Faint),
            false => screen.style(cell.tone),
        };
        screen.put(column, &text, *width, style);
        column += width + GAP;
    }
    if is_selected {
        screen.fill(Style::default().add_modifier(Modifier::REVERSED));
    }
}

/// So wide, cut if it is too long.
fn aligned(text: &str, width: usize, to_the_right: bool) -> String {
    match text.chars().count() {
        length if length > width => {
            let cut = text.chars().take(width.saturating_sub(1));
            cut.chain(['…']).collect()
        }
        _ if to_the_right => format!("{text:>width$}"),
        _ => text.to_owned(),
    }
}

fn pane(top: &Top, screen: &mut Screen<'_>, room: usize, now: Now) {
    let (Some(pane), 1..) = (&top.pane, room) else {
        return;
    };
    let key = top.mark().key;
    let (title, lines) = match pane {
        Pane::Details => {
            let title = top
                .rows
                .get(top.mark().at)
                .map(|it| it.cells[0].text.clone());
            let key = key.as_ref();
            let lines = key.map(|key| details(&top.known, &top.systems, key, now));
            (title.unwrap_or_default(), lines.unwrap_or_default())
        }
        Pane::Fed(fed) => {
            let mut title = match &fed.feed {
                Feed::Logs(agent) => format!("log of {agent}"),
                Feed::Tap(agent, None) => format!("messages of {agent}"),
                Feed::Tap(agent, Some(alias)) => format!("messages of {agent}.{alias}"),
            };
            if fed.lost > 0 {
                title += &format!(", {} not shown", fed.lost);
            }
            let shown = fed.lines.len().saturating_sub(room - 1);
            let lines = fed.lines.iter().skip(shown);
            (title, lines.map(|it| (it.clone(), Tone::Plain)).collect())
        }
    };
    let rule: String = "─".repeat(screen.width());
    screen.put(0, &rule, usize::MAX, screen.style(Tone::Faint));
    let strong = Style::default().add_modifier(Modifier::BOLD);
    let strong = strong.remove_modifier(Modifier::DIM);
    screen.put(2, &format!(" {title} "), usize::MAX, strong);
    screen.next();
    for (text, tone) in lines.iter().take(room - 1) {
        screen.put(0, text, usize::MAX, screen.style(*tone));
        screen.next();
    }
}

fn help(screen: &mut Screen<'_>) {
    let last = screen.area.height.saturating_sub(1);
    screen.next();
    for (keys, what) in HELP {
        if screen.line >= last {
            return;
        }
        let strong = Style::default().add_modifier(Modifier::BOLD);
        screen.put(MARGIN, keys, usize::MAX, strong);
        screen.put(MARGIN + 16, what, usize::MAX, Style::default());
        screen.next();
    }
}

fn bottom(top: &Top, screen: &mut Screen<'_>) {
    let strong = Style::default().add_modifier(Modifier::BOLD);
    match (&top.mode, &top.said) {
        (Mode::Confirm(deed, agent), _) => {
            let style = screen.style(Tone::Doubtful).add_modifier(Modifier::BOLD);
            screen.put(0, &format!("{deed} {agent}? y/n"), usize::MAX, style);
        }
        (Mode::Filter(_), _) => {
            screen.put(0, &format!("/{}", top.filter), usize::MAX, strong);
            let column = 1 + top.filter.chars().count();
            screen.put(
                column,
                " ",
                1,
                Style::default().add_modifier(Modifier::REVERSED),
            );
        }
        (Mode::Help, _) => screen.put(0, "any key goes back", usize::MAX, strong),
        (Mode::Browse, Some(said)) => {
            screen.put(0, &said.text, usize::MAX, screen.style(said.tone));
        }
        (Mode::Browse, None) => {
            let hints =
                "? help  / filter  s sort  Enter details  l log  t tap  r restart  x stop  q quit";
            screen.put(0, hints, usize::MAX, screen.style(Tone::Faint));
        }
    }
}
