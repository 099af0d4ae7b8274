//! `osb version`.

use super::{CommandError, Context};
use crate::render::Versions;

/// Print the versions of osb and of what is linked into it
#[derive(Debug, clap::Args)]
pub struct VersionArgs {}

pub(crate) fn run(_args: VersionArgs, context: &mut Context) -> Result<(), CommandError> {
    let (major, minor, patch) = zmq::version();
    context.print(&Versions {
        osb: env!("CARGO_PKG_VERSION").to_owned(),
        zeromq: format!("{major}.{minor}.{patch}"),
        curve: zmq::has("curve") == Some(true),
        protocol: crate::wire::VERSION,
    })
}
