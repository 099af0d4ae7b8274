//! `osb ls runs`.

use serde::Serialize;

use crate::model::{HostName, SystemName};
use crate::render::json::pretty;
use crate::render::table::Table;
use crate::render::table::Width::{Needed, Spare};
use crate::render::{Report, Style};
use crate::state::Ending;

/// A run that is over, and whose logs are kept.
#[derive(Serialize)]
pub struct RunRow {
    pub system: SystemName,
    pub run: u64,
    /// UTC, as in logs.
    pub ended: String,
    /// None if that was not noted.
    pub why: Option<Ending>,
    /// Other machines, which keep logs of it too.
    pub hosts: Vec<HostName>,
    /// The command that reads its logs.
    pub read: String,
}

/// Runs, in the order they come.
pub struct KeptRuns(pub Vec<RunRow>);

impl Report for KeptRuns {
    fn table(&self, style: Style) -> String {
        Table::new(style)
            .column("SYSTEM", Needed, |it: &RunRow| it.system.to_string())
            .column("RUN", Needed, |it| it.run)
            .column("ENDED", Needed, |it| to_the_second(&it.ended))
            .column("WHY", Spare(1), |it| it.why.map_or("-", Ending::as_str))
            .column("READ BY", Needed, |it| it.read.clone())
            .render(&self.0)
    }

    fn json(&self) -> String {
        pretty(&self.0)
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|run| run.run.to_string()).collect()
    }
}

/// `2026-11-23 05:15:00Z`.
pub(super) fn to_the_second(stamp: &str) -> String {
    match stamp.get(..19) {
        Some(seconds) => seconds.replace('T', " ") + "Z",
        None => stamp.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_listed_with_how_to_read_them() {
        let row = |run: u64, why, hosts: &[&str]| RunRow {
            system: "lab".parse().unwrap(),
            run,
            ended: format!("2026-11-23T05:15:0{run}.123Z"),
            why,
            hosts: hosts.iter().map(|it| it.parse().unwrap()).collect(),
            read: format!("osb --system lab logs --run {run}"),
        };
        let runs = KeptRuns(vec![
            row(3, None, &[]),
            row(4, Some(Ending::UpFailed), &["lab1"]),
        ]);
        let plain = Style {
            color: false,
            width: None,
        };
        insta::assert_snapshot!(runs.table(plain), @r"
        SYSTEM  RUN  ENDED                 WHY        READ BY
        lab     3    2026-11-23 05:15:03Z  -          osb --system lab logs --run 3
        lab     4    2026-11-23 05:15:04Z  up failed  osb --system lab logs --run 4
        ");
        assert_eq!(runs.names(), ["3", "4"]);
        let json: serde_json::Value = serde_json::from_str(&runs.json()).unwrap();
        assert_eq!(json[1]["why"], "up_failed");
        assert_eq!(json[1]["hosts"][0], "lab1");
    }
}
