//! What `up` is asked for, from the files of a topology.

use super::overridden::{Standing, differences, fitting, kept, read_again};
use super::topology_file::{TopologyArgs, TopologyFile};
use super::{CommandError, Context};
use crate::model::Topology;
use crate::plan::Plan;
use crate::state::StateDir;
use crate::topology::Sources;
use crate::up::UpRequest;

/// What the files say.
pub(super) fn topology_request(
    args: &TopologyArgs,
    context: &Context,
) -> Result<(TopologyFile, UpRequest), CommandError> {
    let file = TopologyFile::read(args)?;
    let loaded = file.load_with_sources_or_complain(context)?;
    let request = request_of(&file, loaded, context)?;
    Ok((file, request))
}

/// What a file asks for that was read, with what somebody has said beside it of the system that is up.
pub(super) fn request_of(
    file: &TopologyFile,
    (topology, sources): (Topology, Sources),
    context: &Context,
) -> Result<UpRequest, CommandError> {
    let standing = Standing::of(&topology.name)?;
    let overrides = standing.map(|it| it.overrides).unwrap_or_default();
    let overrides = fitting(overrides, &topology, &sources);
    let topology = match overrides.is_empty() {
        true => topology,
        false => read_again(&sources, &overrides)?,
    };
    for line in differences(&overrides, &sources) {
        context.note(&line);
    }
    let mut request = request(topology, file.place(), context)?;
    (request.sources, request.overrides) = (Some(kept(&sources)), overrides);
    Ok(request)
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
