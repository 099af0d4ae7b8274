//! `osb schema`.

use super::{CommandError, Context};
use crate::render::pretty;
use crate::topology::schema;

/// Print the JSON Schema of topologies, for editors
#[derive(Debug, clap::Args)]
pub struct SchemaArgs {}

pub(crate) fn run(_args: SchemaArgs, context: &mut Context) -> Result<(), CommandError> {
    context.print_text(&pretty(&schema()))
}
