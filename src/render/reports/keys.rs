//! `osb keys`: which keys are admitted.

use serde::Serialize;

use crate::model::{Access, Holder, HostId, KeyEntry, PublicKey, Term};
use crate::render::json::pretty;
use crate::render::table::Table;
use crate::render::table::Width::{Needed, Spare};
use crate::render::{Report, Style};

/// The keys that are admitted. As JSON a list of `holder`, `level`, `term`, `by`, `admitted_by` and `key`; the names are
/// the holders.
pub struct KeyList(pub Vec<KeyEntry>);

#[derive(Serialize)]
struct Object<'a> {
    holder: &'a Holder,
    level: Access,
    term: Term,
    by: Option<&'a HostId>,
    admitted_by: Option<&'a Holder>,
    key: PublicKey,
}

impl Report for KeyList {
    fn table(&self, style: Style) -> String {
        Table::new(style)
            .column("HOLDER", Needed, |it: &KeyEntry| it.holder.to_string())
            .column("LEVEL", Needed, |it| it.access())
            .column("UNTIL", Needed, |it| match it.term {
                Term::Lasting => "revoked".to_owned(),
                Term::Run => "down".to_owned(),
                Term::Join { until, .. } => format!("{}, once", utc(until)),
                Term::Until(until) => utc(until),
            })
            .column("ADMITTED BY", Spare(1), |it| {
                let by = it.admitted_by.as_ref().map(ToString::to_string);
                // Those of a list that an osb before this one has begun.
                let host = || it.by.as_ref().map(|host| format!("host {host}"));
                by.or_else(host).unwrap_or_else(|| "unknown".to_owned())
            })
            .column("KEY", Spare(2), |it| it.key)
            .render(&self.0)
    }

    fn json(&self) -> String {
        let object = |entry: &'_ KeyEntry| {
            let (level, term, key) = (entry.access(), entry.term, entry.key);
            serde_json::to_value(Object {
                holder: &entry.holder,
                level,
                term,
                by: entry.by.as_ref(),
                admitted_by: entry.admitted_by.as_ref(),
                key,
            })
            .unwrap_or_default()
        };
        pretty(&self.0.iter().map(object).collect::<Vec<_>>())
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|it| it.holder.to_string()).collect()
    }
}

/// `2026-11-23 05:15 UTC`.
pub fn utc(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    match jiff::Timestamp::from_second(seconds) {
        Ok(time) => time.strftime("%F %H:%M UTC").to_string(),
        Err(_) => "ever".to_owned(),
    }
}

/// The keys that were revoked. As JSON and as names like [`KeyList`].
pub struct Revoked(pub Vec<KeyEntry>);

impl Report for Revoked {
    fn table(&self, _style: Style) -> String {
        let line = |entry: &KeyEntry| format!("{} is out\n", entry.holder);
        self.0.iter().map(line).collect()
    }

    fn json(&self) -> String {
        KeyList(self.0.clone()).json()
    }

    fn names(&self) -> Vec<String> {
        KeyList(self.0.clone()).names()
    }
}
