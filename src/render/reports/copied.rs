//! Which files go to which machine, as `plan` and `check` show it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use crate::model::{HostName, NamePattern, Program, SyncSpec, TreePath};
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
    for (host, program) in programs {
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
    let mut table =
        Table::new(style, &["COPY TO", "WHAT", "EXCEPT", "FROM"]).leaving_out(&["EXCEPT"]);
    for Copied {
        host,
        from,
        paths,
        except,
    } in copied
    {
        let paths: Vec<&str> = paths.iter().map(|it| it.as_str()).collect();
        let except: Vec<&str> = except.iter().map(|it| it.as_str()).collect();
        table.row([
            Field::painted(host, Paint::Strong),
            paths.join(", ").into(),
            match except.is_empty() {
                true => "-".into(),
                false => except.join(", ").into(),
            },
            from.display().to_string().into(),
        ]);
    }
    table.render()
}

/// The names of the machines, for a sentence.
pub(super) fn hosts(copied: &[Copied<'_>]) -> String {
    let hosts: BTreeSet<&str> = copied.iter().map(|it| it.host.as_str()).collect();
    hosts.into_iter().collect::<Vec<_>>().join(", ")
}
