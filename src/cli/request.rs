//! What `up` is asked for, from the files of a topology.

use super::overridden::{Standing, differences, fitting, kept, read_again};
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
    let (topology, sources) = file.load_with_sources_or_complain(context)?;
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
