//! `osb keys log`: the journal of a closed name server.

use super::{CommandError, Context, Keys};
use crate::cli::logs::Moment;
use crate::render::{Journal, JournalRow};
use crate::wire::{Happening, Outcome, Record};

/// Which events are wanted: all, if nothing is said
#[derive(Debug, clap::Args)]
pub struct LogArgs {
    /// Only what they did: the name of an operator, a host or an agent, or a key
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub who: Option<String>,
    /// Only what was done to them: an agent, a host, an operator, or a key
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub on: Option<String>,
    /// Only requests of that name
    #[arg(long, value_name = "VERB")]
    pub verb: Option<String>,
    /// Only events of that kind: began, asked, admitted, joined, revoked, turned_away
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// Only what was refused
    #[arg(long)]
    pub refused: bool,
    /// Only what is not older: how long ago, such as 5m, or a time
    #[arg(long, value_name = "WHEN")]
    pub since: Option<Moment>,
    /// Only what is older
    #[arg(long, value_name = "WHEN")]
    pub until: Option<Moment>,
    /// Only the last events
    #[arg(short = 'n', long, value_name = "N")]
    pub lines: Option<usize>,
}

pub(crate) fn run(keys: &Keys, args: &LogArgs, context: &Context) -> Result<(), CommandError> {
    let mut rows = Vec::new();
    let mut after = 0;
    loop {
        let events = keys.events_behind(after)?;
        let Some(last) = events.last().map(|event| event.n) else {
            break;
        };
        after = last;
        rows.extend(
            events
                .into_iter()
                .map(JournalRow)
                .filter(|it| args.want(it)),
        );
        let over = args.lines.map_or(0, |most| rows.len().saturating_sub(most));
        rows.drain(..over);
    }
    context.print(&Journal(rows))
}

impl LogArgs {
    fn want(&self, row: &JournalRow) -> bool {
        let Record { at, note, .. } = &row.0;
        let who = note.who.as_ref();
        let by = |name: &String| {
            who.is_some_and(|who| {
                is_called(&who.holder.to_string(), name) || who.key.to_string() == *name
            })
        };
        let refused = match &note.what {
            Happening::Asked { outcome, .. } => matches!(outcome, Outcome::Refused { .. }),
            Happening::TurnedAway { .. } => true,
            _ => false,
        };
        let verb = match &note.what {
            Happening::Asked { verb, .. } => verb,
            _ => "",
        };
        self.who.as_ref().is_none_or(by)
            && self.on.as_ref().is_none_or(|name| row.is_on(name))
            && self.verb.as_ref().is_none_or(|it| it == verb)
            && self.kind.as_ref().is_none_or(|it| it == note.what.kind())
            && (refused || !self.refused)
            && self.since.is_none_or(|since| *at >= since.stamp())
            && self.until.is_none_or(|until| *at <= until.stamp())
    }
}

/// Whether `operator ana` is what is meant by `ana`.
fn is_called(holder: &str, name: &str) -> bool {
    holder == name || holder.split_once(' ').is_some_and(|(_, bare)| bare == name)
}
