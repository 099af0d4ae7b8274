//! `osb timers`: what runs by the clock, and its outcome.

use serde::Serialize;

use crate::model::{AgentName, TimerInfo};
use crate::render::json::pretty;
use crate::render::table::Width::{Needed, Spare};
use crate::render::table::{Table, bad};
use crate::render::{Report, Style};

/// Timers of agents, in the order they come. As JSON a list of timers with their `agent`; the names
/// are `Alice.timer-1`.
pub struct Timers(pub Vec<(AgentName, Vec<TimerInfo>)>);

impl Timers {
    fn each(&self) -> impl Iterator<Item = Object<'_>> {
        self.0.iter().flat_map(|(agent, timers)| {
            let timers = timers.iter();
            timers.map(move |timer| Object { agent, timer })
        })
    }
}

#[derive(Serialize)]
struct Object<'a> {
    agent: &'a AgentName,
    #[serde(flatten)]
    timer: &'a TimerInfo,
}

impl Object<'_> {
    fn name(&self) -> String {
        format!("{}.{}", self.agent, self.timer.alias)
    }
}

impl Report for Timers {
    fn table(&self, style: Style) -> String {
        Table::new(style)
            .column("TIMER", Needed, |it: &Object<'_>| it.name())
            .column("WHEN", Needed, |it| it.timer.when.to_string())
            .column("ACTION", Needed, |it| it.timer.action.to_string())
            .column("DUE", Needed, |it| match it.timer.due_ms {
                Some(due) => format!("in {due}"),
                None => "-".to_owned(),
            })
            .column("FIRED", Spare(3), |it| it.timer.fired)
            .column("SKIPPED", Spare(1), |it| bad(it.timer.skipped))
            .column("FAILED", Spare(2), |it| bad(it.timer.failed))
            .render(self.each())
    }

    fn json(&self) -> String {
        pretty(&self.each().collect::<Vec<_>>())
    }

    fn names(&self) -> Vec<String> {
        self.each().map(|one| one.name()).collect()
    }
}
