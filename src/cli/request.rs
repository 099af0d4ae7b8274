//! What `up` is asked for, from the files of a topology.

use super::topology_file::{TopologyArgs, TopologyFile};
use super::{CommandError, Context};
use crate::model::Topology;
use crate::plan::Plan;
use crate::state::StateDir;
use crate::up::UpRequest;

/// What the files say.
pub(super) fn topology_request(
    args: &TopologyArgs,
    context: &Context,
) -> Result<(TopologyFile, UpRequest), CommandError> {
    let file = TopologyFile::read(args)?;
    let topology = file.load_or_complain(context)?;
    let request = request(topology, file.place(), context)?;
    Ok((file, request))
}

/// What `up` would be asked for.
pub(super) fn request(
    topology: Topology,
    place: String,
    context: &Context,
) -> Result<UpRequest, CommandError> {
    let fingerprint = String::from_utf8_lossy(&crate::wire::body(&topology)).into_owned();
    let (plan, state) = (Plan::new(topology), StateDir::from_env()?);
    let mut request = UpRequest::new(plan, place, fingerprint, state);
    request.key = context.global.key.clone();
    // That another file is meant, `up` has to be told.
    request.replace = true;
    Ok(request)
}
