//! `osb keys log`: the events of a name server's journal.

use super::keys::utc;
use crate::model::Term;
use crate::render::json::pretty;
use crate::render::style::Paint;
use crate::render::table::Width::{Needed, Spare};
use crate::render::table::{Field, Table};
use crate::render::{Report, Style};
use crate::wire::{Happening, Outcome, Record};

/// Events, in order. As JSON a list of them as specs/journal.md has them; the names are their numbers.
pub struct Journal(pub Vec<JournalRow>);

/// An event.
pub struct JournalRow(pub Record);

impl JournalRow {
    /// The member or thing that it is about, in one word for each name that it may have.
    fn about(&self) -> Vec<String> {
        match &self.0.note.what {
            Happening::Asked { on, .. } => on.iter().cloned().collect(),
            Happening::Admitted { key, holder, .. }
            | Happening::Joined { key, holder, .. }
            | Happening::Rotated { key, holder, .. }
            | Happening::Expired { key, holder }
            | Happening::Revoked { key, holder } => vec![holder.to_string(), key.to_string()],
            Happening::NameserverRotated { key, former, .. } => {
                vec!["nameserver".to_owned(), key.to_string(), former.to_string()]
            }
            Happening::TurnedAway { key, .. } => vec![key.to_string()],
            Happening::Began { .. } | Happening::Unknown => Vec::new(),
        }
    }

    /// Whether it is about `name`: `Bob` is `agent Bob` too, and `Bob.main`; `lab1` is `host:lab1`.
    pub fn is_on(&self, name: &str) -> bool {
        self.about().iter().any(|about| {
            let parts: Vec<&str> = about.split([' ', ':']).collect();
            let last = parts.last().copied().unwrap_or_default();
            let agent = last.split_once('.').map_or(last, |(agent, _)| agent);
            about == name || last == name || agent == name
        })
    }

    fn what(&self) -> String {
        match &self.0.note.what {
            Happening::Asked { verb, .. } => verb.clone(),
            Happening::Began { version } => format!("began, osb {version}"),
            Happening::Admitted { term, .. } => match term {
                Term::Lasting => "admitted".to_owned(),
                Term::Run => "admitted for the run".to_owned(),
                Term::Join { .. } => "admitted to join".to_owned(),
                Term::Until(until) => format!("admitted until {}", utc(*until)),
            },
            Happening::Joined { .. } => "joined".to_owned(),
            Happening::Revoked { .. } => "revoked".to_owned(),
            Happening::Rotated { .. } => "another key".to_owned(),
            Happening::NameserverRotated { until, .. } => {
                format!("another key of its own; the former until {}", utc(*until))
            }
            Happening::Expired { .. } => "expired".to_owned(),
            Happening::TurnedAway { .. } => "knocked".to_owned(),
            Happening::Unknown => "of a later osb".to_owned(),
        }
    }

    fn outcome(&self) -> Field {
        match &self.0.note.what {
            Happening::Asked {
                outcome: Outcome::Refused { reason },
                times,
                ..
            }
            | Happening::TurnedAway { reason, times, .. } => {
                let times = match times {
                    1 => String::new(),
                    more => format!(" ({more} times)"),
                };
                Field::painted(format!("refused{times}: {reason}"), Paint::Bad)
            }
            Happening::Asked { .. } => "allowed".into(),
            _ => "".into(),
        }
    }
}

impl Report for Journal {
    fn table(&self, style: Style) -> String {
        Table::new(style)
            .column("N", Spare(1), |it: &JournalRow| it.0.n)
            .column("TIME", Needed, |it| it.0.at.clone())
            .column("WHO", Needed, |it| match &it.0.note.who {
                Some(who) => who.holder.to_string(),
                None => "-".to_owned(),
            })
            .column("FROM", Spare(2), |it| match it.0.note.from {
                Some(from) => from.to_string(),
                None => "-".to_owned(),
            })
            .column("WHAT", Needed, |it| it.what())
            .column("ON", Needed, |it| {
                let about = it.about().into_iter().next();
                about.unwrap_or_else(|| "-".to_owned())
            })
            .column("OUTCOME", Needed, JournalRow::outcome)
            .render(&self.0)
    }

    fn json(&self) -> String {
        pretty(&self.0.iter().map(|it| &it.0).collect::<Vec<_>>())
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|it| it.0.n.to_string()).collect()
    }
}
