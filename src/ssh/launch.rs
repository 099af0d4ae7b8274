//! Starting daemons and name servers on other machines, and ending them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::bundle::{self, Sent};
use super::error::{SshError, Stage};
use super::script::Copied;
use super::session::Session;
use crate::files::Bundle;
use crate::model::SshSpec;
use crate::wire::{FormerAgent, LARGEST_BODY, MachineRequest, MachineWord, Stopped};

/// For osb there to do what it was asked, beyond the time that agents have to end.
const ANSWER: Duration = Duration::from_secs(20);

/// A daemon that has been started.
pub(crate) struct Begun {
    /// What it hangs on.
    pub session: Session,
    /// Its pid there.
    pub pid: u32,
    /// Where the folders of the bundle are there.
    pub folders: Vec<PathBuf>,
    /// The agents of the daemon in whose place it comes.
    pub agents: Vec<FormerAgent>,
}

/// Starts a host daemon at `spec`, when the `bundle` that the request lists is there. `tell` is told how
/// far that is.
pub(crate) async fn launch(
    spec: SshSpec,
    request: MachineRequest,
    bundle: Arc<Bundle>,
    tell: impl Fn(Sent) + Send + Sync + 'static,
) -> Result<Begun, SshError> {
    let mut session = Session::open(spec, &request, Copied::Kept).await?;
    let folders = match bundle.is_empty() {
        true => Vec::new(),
        false => bundle::send(&mut session, &bundle, tell).await?,
    };
    match session.word(ANSWER, Stage::Start).await? {
        MachineWord::Started { pid, agents } => Ok(Begun {
            session,
            pid,
            folders,
            agents,
        }),
        other => Err(session.unexpected(Stage::Start, other)),
    }
}

/// Brings the files of a daemon at `spec` up to date, as the request lists them, in the order of the bundle's. Gives the connection: if that ends
/// without having been released, all is put back there; and where the folders are.
pub(crate) async fn renew(
    spec: SshSpec,
    request: MachineRequest,
    bundle: Arc<Bundle>,
    tell: impl Fn(Sent) + Send + Sync + 'static,
) -> Result<(Session, Vec<PathBuf>), SshError> {
    let mut session = Session::open(spec, &request, Copied::Kept).await?;
    let folders = bundle::send(&mut session, &bundle, tell).await?;
    Ok((session, folders))
}

/// Starts a name server at `spec`. Gives the connection that it hangs on, its pid there, and its address.
pub(crate) async fn launch_nameserver(
    spec: SshSpec,
    request: MachineRequest,
) -> Result<(Session, u32, String), SshError> {
    let mut session = Session::open(spec, &request, Copied::Kept).await?;
    match session.word(ANSWER, Stage::Start).await? {
        MachineWord::Listens { pid, address } => Ok((session, pid, address)),
        other => Err(session.unexpected(Stage::Start, other)),
    }
}

/// Ends a daemon or a name server at `spec`, and whatever is left of what it has started, which may take as long as `grace`. Tells how
/// its agents ended.
pub(crate) async fn end(
    spec: SshSpec,
    request: MachineRequest,
    grace: Duration,
) -> Result<Vec<Stopped>, SshError> {
    let mut session = Session::open(spec, &request, Copied::Kept).await?;
    // How each agent ended, of thousands.
    let word = session.long_word(grace + ANSWER, Stage::End, LARGEST_BODY);
    match word.await? {
        MachineWord::Down { stopped } => Ok(stopped),
        other => Err(session.unexpected(Stage::End, other)),
    }
}
