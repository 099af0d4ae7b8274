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
    let (request, otherwise) = overridden(loaded, file.place(), context)?;
    for line in otherwise {
        context.note(&line);
    }
    Ok((file, request))
}

/// What the files say, and what counts more than they do in the system that is up. With that, in a line each.
pub(super) fn overridden(
    (topology, sources): (Topology, Sources),
    place: String,
    context: &Context,
) -> Result<(UpRequest, Vec<String>), CommandError> {
    let standing = Standing::of(&topology.name)?;
    let overrides = standing.map(|it| it.overrides).unwrap_or_default();
    let overrides = fitting(overrides, &topology, &sources);
    let topology = match overrides.is_empty() {
        true => topology,
        false => read_again(&sources, &overrides)?,
    };
    let otherwise = differences(&overrides, &sources);
    let mut request = request(topology, place, context)?;
    (request.sources, request.overrides) = (Some(kept(&sources)), overrides);
    Ok((request, otherwise))
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
