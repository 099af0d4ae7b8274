//! Which files go to which machine, as `plan` and `check` show it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use crate::model::{HostName, NamePattern, Program, SyncSpec, TreePath};
use crate::render::table::Width::{Needed, Spare};
use crate::render::table::{Field, Table};
use crate::render::{Paint, Style};

/// What goes from one folder to one machine.
#[derive(Serialize)]
pub(super) struct Copied<'a> {
    host: &'a HostName,
    from: &'a Path,
    paths: BTreeSet<&'a TreePath>,
    except: BTreeSet<&'a NamePattern>,
}

/// All that goes with these programs to their machines, in order.
pub(super) fn copied<'a>(
    programs: impl Iterator<Item = (&'a HostName, &'a Option<Program>)>,
) -> Vec<Copied<'a>> {
    let mut all: BTreeMap<(&HostName, &Path), Vec<&SyncSpec>> = BTreeMap::new();
    // This machine has them.
    for (host, program) in programs.filter(|(host, _)| **host != HostName::local()) {
        if let Some(sync) = program.as_ref().and_then(|it| it.sync.as_deref()) {
            all.entry((host, &sync.from)).or_default().push(sync);
        }
    }
    let all = all.into_iter().map(|((host, from), specs)| Copied {
        host,
        from,
        paths: specs.iter().flat_map(|it| &it.paths).collect(),
        except: specs.iter().flat_map(|it| &it.except).collect(),
    });
    all.collect()
}

/// A row for each.
pub(super) fn table(style: Style, copied: &[Copied<'_>]) -> String {
    Table::new(style)
        .column("COPY TO", Needed, |it: &Copied<'_>| {
            Field::painted(it.host, Paint::Strong)
        })
        .column("WHAT", Needed, |it| {
            let paths: Vec<&str> = it.paths.iter().map(|it| it.as_str()).collect();
            paths.join(", ")
        })
        .column("EXCEPT", Spare(1), |it| {
            let except: Vec<&str> = it.except.iter().map(|it| it.as_str()).collect();
            match except.is_empty() {
                true => "-".to_owned(),
                false => except.join(", "),
            }
        })
        .column("FROM", Needed, |it| it.from.display().to_string())
        .render(copied)
}

/// The names of the machines, for a sentence.
pub(super) fn hosts(copied: &[Copied<'_>]) -> String {
    let hosts: BTreeSet<&str> = copied.iter().map(|it| it.host.as_str()).collect();
    hosts.into_iter().collect::<Vec<_>>().join(", ")
}
