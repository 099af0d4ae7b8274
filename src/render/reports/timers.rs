//! `osb timers`: what runs by the clock, and what came of it.

use serde::Serialize;

use crate::model::{AgentName, TimerInfo};
use crate::render::json::pretty;
use crate::render::table::{Field, Table};
use crate::render::{Paint, Report, Style};

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
        let header = [
            "TIMER", "WHEN", "ACTION", "DUE", "FIRED", "SKIPPED", "FAILED",
        ];
        let mut table = Table::new(style, &header).leaving_out(&["SKIPPED", "FAILED", "FIRED"]);
        for one in self.each() {
            let timer = one.timer;
            let due = timer.due_ms.map(|due| format!("in {due}"));
            table.row([
                one.name().into(),
                timer.when.to_string().into(),
                timer.action.to_string().into(),
                due.unwrap_or("-".to_owned()).into(),
                timer.fired.into(),
                bad(timer.skipped),
                bad(timer.failed),
            ]);
        }
        table.render()
    }

    fn json(&self) -> String {
        pretty(&self.each().collect::<Vec<_>>())
    }

    fn names(&self) -> Vec<String> {
        self.each().map(|one| one.name()).collect()
    }
}

fn bad(count: u64) -> Field {
    match count {
        0 => 0.into(),
        _ => Field::painted(count, Paint::Bad),
    }
}
