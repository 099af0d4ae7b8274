//! `osb doctor`: tables of machines, programs, ports, and of which machine can dial which; and then what to do.

use std::collections::BTreeSet;

use crate::doctor::{Diagnosis, HostFinding, PortFinding, ProgramFinding, Verdict, WayFinding};
use crate::render::table::Width::{Needed, Spare};
use crate::render::table::{Field, Table};
use crate::render::{Paint, Report, Style, pretty, sentence};

pub struct Diagnosed(pub Diagnosis);

impl Report for Diagnosed {
    fn table(&self, style: Style) -> String {
        let tables = [
            Some(self.hosts(style)),
            self.programs(style),
            self.ports(style),
            self.matrix(style),
            self.remarks(style),
        ];
        let tables: Vec<String> = tables.into_iter().flatten().collect();
        tables.join("\n\n")
    }

    fn json(&self) -> String {
        pretty(&self.0)
    }

    /// The machines that are as they have to be.
    fn names(&self) -> Vec<String> {
        let well = self.0.hosts.iter().filter(|it| it.verdict == Verdict::Well);
        well.map(|it| it.name.to_string()).collect()
    }
}

impl Diagnosed {
    fn hosts(&self, style: Style) -> String {
        Table::new(style)
            .column("HOST", Needed, |it: &HostFinding| it.name.to_string())
            .column("BY", Spare(2), |it| it.reach)
            .column("ADDRESS", Spare(3), |it| {
                it.address.map_or("-".to_owned(), |ip| ip.to_string())
            })
            .column("OSB", Spare(1), |it| match (&it.osb, it.copy) {
                (Some(version), false) => version.clone(),
                (Some(version), true) => format!("{version}; up copies this one"),
                (None, true) => "none; up copies this one".to_owned(),
                (None, false) => "-".to_owned(),
            })
            .column("VERDICT", Needed, |it| shown(&it.verdict))
            .render(&self.0.hosts)
    }

    fn programs(&self, style: Style) -> Option<String> {
        let table = Table::new(style)
            .column("PROGRAM", Needed, |it: &ProgramFinding| it.program.clone())
            .column("HOST", Needed, |it| it.host.to_string())
            .column("AGENTS", Spare(1), |it| few(&it.agents))
            .column("PATH", Spare(2), |it| {
                let path = it.path.as_ref();
                path.map_or("-".to_owned(), |it| it.display().to_string())
            })
            .column("VERDICT", Needed, |it| shown(&it.verdict));
        let programs = &self.0.programs;
        (!programs.is_empty()).then(|| table.render(programs))
    }

    fn ports(&self, style: Style) -> Option<String> {
        let table = Table::new(style)
            .column("PORT", Needed, |it: &PortFinding| it.address)
            .column("HOST", Needed, |it| it.host.to_string())
            .column("FOR", Spare(1), |it| few(&it.uses))
            .column("VERDICT", Needed, |it| shown(&it.verdict));
        let ports = &self.0.ports;
        (!ports.is_empty()).then(|| table.render(ports))
    }

    /// Which machine can dial which: a row for each that dials.
    fn matrix(&self, style: Style) -> Option<String> {
        let ways = &self.0.ways;
        let names = || self.0.hosts.iter().map(|it| it.name.as_str());
        let from: BTreeSet<&str> = ways.iter().map(|way| way.from.as_str()).collect();
        let to: BTreeSet<&str> = ways.iter().map(destination).collect();
        let mut table = Table::new(style).column("FROM", Needed, |from: &&str| from.to_string());
        let columns = [NAME_SERVER].into_iter().chain(names());
        for column in columns.filter(|it| to.contains(it)) {
            table = table.column(format!("TO {column}"), Needed, move |from: &&str| {
                let these =
                    |way: &&WayFinding| way.from.as_str() == *from && destination(way) == column;
                cell(&ways.iter().filter(these).collect::<Vec<_>>())
            });
        }
        let rows = names().filter(|name| from.contains(name));
        (!ways.is_empty()).then(|| table.render(rows))
    }

    /// What is wrong, and what to do about it.
    fn remarks(&self, style: Style) -> Option<String> {
        let mut text = String::new();
        for (what, verdict) in self.0.all() {
            let what = sentence(&what.to_string());
            match verdict {
                Verdict::Well => {}
                Verdict::Unknown { reason } => {
                    text += &format!(
                        "{}: {what}: {}\n",
                        style.paint("unknown", Paint::Doubtful),
                        sentence(reason)
                    );
                }
                Verdict::Bad { reason, remedy } => {
                    let bad = style.paint("bad", Paint::Bad);
                    text += &format!("{bad}: {what}: {}\n", sentence(reason));
                    let hint = style.paint("hint:", Paint::Strong);
                    text += &format!("  {hint} {}\n", sentence(remedy));
                }
            }
        }
        (!text.is_empty()).then_some(text)
    }
}

/// How the column of a name server is called that is no part of the topology.
const NAME_SERVER: &str = "name server";

fn destination(way: &WayFinding) -> &str {
    way.to.as_ref().map_or(NAME_SERVER, |host| host.as_str())
}

fn shown(verdict: &Verdict) -> Field {
    match verdict {
        Verdict::Well => Field::painted("well", Paint::Good),
        Verdict::Unknown { .. } => Field::painted("unknown", Paint::Doubtful),
        Verdict::Bad { reason, .. } => Field::painted(reason, Paint::Bad),
    }
}

/// All ways from one machine to another: the worst of them.
fn cell(ways: &[&WayFinding]) -> Field {
    let bad = ways.iter().find(|way| way.verdict.is_bad());
    let unknown = || ways.iter().find(|way| way.verdict != Verdict::Well);
    let slowest = || {
        let by_time = |one: &&&WayFinding, other: &&&WayFinding| {
            one.ms.unwrap_or(0.0).total_cmp(&other.ms.unwrap_or(0.0))
        };
        ways.iter().max_by(by_time)
    };
    match (bad, unknown(), slowest()) {
        (Some(way), ..) => Field::painted(&way.short, Paint::Bad),
        (None, Some(way), _) => Field::painted(&way.short, Paint::Doubtful),
        (None, None, Some(way)) => Field::painted(&way.short, Paint::Good),
        (None, None, None) => Field::painted("-", Paint::Faint),
    }
}

/// The first few of them.
fn few<T: ToString>(all: &[T]) -> String {
    const FEW: usize = 3;
    let first: Vec<String> = all.iter().take(FEW).map(ToString::to_string).collect();
    let text = first.join(", ");
    match all.len().saturating_sub(FEW) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}
