//! `osb up --watch`: whenever the topology's files change, or those that agents run, the system becomes what they say. A file that
//! is not good is reported, and changes nothing.

use super::Context;
use super::bring_up::bring_up;
use super::follow::{Follow, Found};
use super::request::overridden;
use super::signals::Signals;
use super::topology_file::{TopologyArgs, TopologyFile};
use super::{CommandError, ErrorKind};
use crate::model::Contents;
use crate::render::Up;
use crate::state::{FolderWatch, StateDir};
use crate::up::{Outcome, UpRequest};

/// What is followed, and what has been made of it.
pub(super) struct Watched<'a> {
    pub args: &'a TopologyArgs,
    pub up: Brought,
    /// Whether the system ends with the watching.
    pub goes_along: bool,
}

/// What has been brought up, or was to be.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Brought {
    /// Of the topology.
    pub fingerprint: String,
    pub contents: Contents,
}

impl Brought {
    pub(super) fn of(request: &UpRequest) -> Self {
        Self {
            fingerprint: request.fingerprint.clone(),
            contents: request.contents.clone().unwrap_or_default(),
        }
    }
}

/// What the files of agents have as their contents now, for a system that is to be watched.
pub(super) async fn look(request: &mut UpRequest) {
    let mut follow = Follow::new(&request.state);
    request.contents = Some(follow.look(&request.plan).await.contents);
}

/// Goes on until a signal comes.
pub(super) async fn watch(
    watched: Watched<'_>,
    signals: &mut Signals,
    context: &Context,
) -> Result<(), CommandError> {
    let goes_along = watched.goes_along;
    let mut watching = Watching {
        args: watched.args,
        folders: FolderWatch::begin().map_err(unwatched)?,
        follow: Follow::new(&StateDir::from_env()?),
        bad: None,
        otherwise: Vec::new(),
        tried: watched.up,
    };
    // What has changed before it was watched is seen now.
    let mut next = watching.next(context).await?;
    context.note(match goes_along {
        true => "watching the topology's files: Ctrl-C ends that, and takes the system down",
        false => "watching the topology's files: Ctrl-C ends that, and the system stays",
    });
    loop {
        if let Some(request) = next.take() {
            match bring_up(request, None, signals, context).await {
                Ok(report) => {
                    let is_new = report.outcome != Outcome::Unchanged;
                    show(Up(report), goes_along, context)?;
                    if is_new {
                        watching.follow.on_begun();
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
                Err(error) => context.complain(&error),
            }
        }
        tokio::select! {
            biased;
            () = signals.next() => return Ok(()),
            found = watching.changed(context) => next = found?,
        }
    }
}

struct Watching<'a> {
    args: &'a TopologyArgs,
    folders: FolderWatch,
    follow: Follow,
    /// What was wrong the last time, which is told once.
    bad: Option<String>,
    /// What counts more than the files, as it was told last.
    otherwise: Vec<String>,
    /// What was made of the system last, or was to be. What failed is tried again when something is otherwise.
    tried: Brought,
}

impl Watching<'_> {
    /// Waits for a change. Gives what is to be made of the system, if it is to be otherwise.
    async fn changed(&mut self, context: &Context) -> Result<Option<UpRequest>, CommandError> {
        self.folders.changed().await.map_err(unwatched)?;
        self.next(context).await
    }

    async fn next(&mut self, context: &Context) -> Result<Option<UpRequest>, CommandError> {
        let Some(mut request) = self.read(context)? else {
            return Ok(None);
        };
        let mut found = self.follow.look(&request.plan).await;
        tell(&found, context);
        if self.folders.add(&found.folders).map_err(unwatched)? {
            found = self.follow.look(&request.plan).await;
            tell(&found, context);
        }
        request.contents = Some(found.contents);
        let wanted = Brought::of(&request);
        let is_otherwise = wanted != self.tried;
        self.tried = wanted;
        Ok(is_otherwise.then_some(request))
    }

    /// What the files say, or all that is wrong with them, which is told once.
    fn read(&mut self, context: &Context) -> Result<Option<UpRequest>, CommandError> {
        self.folders.add(&self.args.folders()).map_err(unwatched)?;
        let file = match TopologyFile::read(self.args) {
            Ok(file) => file,
            Err(error) => return Ok(self.is_bad(error.message(), || Err(error), context)),
        };
        self.folders.add(&file.folders()).map_err(unwatched)?;
        match file.load_with_sources() {
            Ok(loaded) => {
                let (request, otherwise) = match overridden(loaded, file.place(), context) {
                    Ok(read) => read,
                    Err(error) => return Ok(self.is_bad(error.message(), || Err(error), context)),
                };
                self.bad = None;
                self.tell_otherwise(otherwise, context);
                Ok(Some(request))
            }
            Err(problems) => {
                let text = file.diagnose(&problems, false);
                let say = || file.load_or_complain(context).map(drop);
                Ok(self.is_bad(text, say, context))
            }
        }
    }

    /// Once, as long as it is so.
    fn tell_otherwise(&mut self, otherwise: Vec<String>, context: &Context) {
        if self.otherwise != otherwise {
            for line in &otherwise {
                context.note(line);
            }
            self.otherwise = otherwise;
        }
    }

    fn is_bad(
        &mut self,
        text: String,
        say: impl FnOnce() -> Result<(), CommandError>,
        context: &Context,
    ) -> Option<UpRequest> {
        if self.bad.as_ref() != Some(&text) {
            if let Err(error) = say() {
                context.complain(&error);
            }
            context.note("the system stays as it was");
            self.bad = Some(text);
        }
        None
    }
}

fn tell(found: &Found, context: &Context) {
    for path in &found.quiet {
        context.note(&format!(
            "{} changes each time that agents begin: that is not followed any more; `sync: {{ paths: […], except: [NAME] }}` leaves it out",
            path.display()
        ));
    }
}

/// Among the lines of logs there is no place for a table.
fn show(report: Up, among_logs: bool, context: &Context) -> Result<(), CommandError> {
    match among_logs {
        true => context.print_aside(&report),
        false => context.print(&report),
    }
}

fn unwatched(error: std::io::Error) -> CommandError {
    let sentence = format!("files cannot be watched: {error}");
    CommandError::say(ErrorKind::Failed, sentence)
}
