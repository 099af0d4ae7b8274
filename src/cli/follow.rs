//! The files that agents run, as `up --watch` follows them: what they have as their contents, and which of them have changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::files::{Looked, Looker, News, Restless};
use crate::model::{AgentId, Contents, SyncSpec};
use crate::plan::Plan;
use crate::state::StateDir;
use crate::up::followed;

/// What is remembered from one look to the next.
#[derive(Default)]
pub(super) struct Follow {
    looker: Looker,
    last: BTreeMap<SyncSpec, Looked>,
    restless: Restless,
}

/// What a look has found.
pub(super) struct Found {
    pub contents: Contents,
    /// Where something may change that matters.
    pub folders: BTreeSet<PathBuf>,
    /// What is not followed any more: files that change each time that agents begin, and folders that get new ones.
    pub quiet: Vec<PathBuf>,
}

impl Follow {
    /// What osb writes itself is not followed.
    pub(super) fn new(state: &StateDir) -> Self {
        Self {
            looker: Looker::apart_from(vec![state.root().to_owned()]),
            ..Self::default()
        }
    }

    /// Agents have begun anew.
    pub(super) fn on_begun(&mut self) {
        self.restless.on_begun(Instant::now());
    }

    /// Looks at all files of the agents of `plan`, on a thread of its own: they may be large.
    pub(super) async fn look(&mut self, plan: &Plan) -> Found {
        let agents: Vec<(AgentId, SyncSpec)> = followed(plan)
            .map(|(agent, _, sync)| (agent.clone(), sync.clone()))
            .collect();
        let specs: Vec<SyncSpec> = agents.iter().map(|(_, sync)| sync.clone()).collect();
        let mut looker = std::mem::take(&mut self.looker);
        looker.stop = Arc::default();
        let _stop = StopOnDrop(looker.stop.clone());
        let looking = tokio::task::spawn_blocking(move || {
            let looked = looker.look(&specs);
            (looker, looked)
        });
        let looked = match looking.await {
            Ok((looker, looked)) => {
                self.looker = looker;
                looked
            }
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        let news = news(&self.last, &looked);
        let quiet = self.restless.on_news(&news, Instant::now());
        let digest = |(agent, sync): (AgentId, SyncSpec)| {
            Some((agent, looked.get(&sync)?.digest(self.restless.quiet())))
        };
        let contents = agents.into_iter().filter_map(digest).collect();
        let folders = looked.values().flat_map(|it| it.folders.iter().cloned());
        let folders = folders.collect();
        self.last = looked;
        Found {
            contents,
            folders,
            quiet,
        }
    }
}

/// What is otherwise, of what was looked at before.
fn news(before: &BTreeMap<SyncSpec, Looked>, now: &BTreeMap<SyncSpec, Looked>) -> News {
    let mut news = News::default();
    for (spec, now) in now {
        let Some(before) = before.get(spec) else {
            continue;
        };
        for (path, what) in &now.there {
            match before.there.get(path) {
                None => drop(news.new.insert(path.clone())),
                Some(former) if former != what => drop(news.changed.insert(path.clone())),
                Some(_) => {}
            }
        }
        let gone = before
            .there
            .keys()
            .filter(|it| !now.there.contains_key(*it));
        news.changed.extend(gone.cloned());
    }
    news
}

/// Ctrl-C does not wait until gigabytes are read.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
