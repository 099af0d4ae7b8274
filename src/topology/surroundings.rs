//! What a topology's text finds around it. The caller knows it: nothing here asks a system for it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::source::Source;
use super::yaml::Lookup;
use crate::model::{AgentName, Overrides};

/// The content of a file, or in words why it cannot be read.
pub type ReadFile<'r> = dyn Fn(&Path) -> Result<Vec<u8>, String> + 'r;

static NONE: Overrides = Overrides {
    replicas: BTreeMap::new(),
    hosts: BTreeMap::new(),
};

static NO_SPARES: BTreeSet<AgentName> = BTreeSet::new();

/// Where a topology comes from, and what it may refer to.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    pub source: &'a Source,
    pub variables: &'a Lookup<'a>,
    /// Reads the files of `env_file`.
    pub env_files: &'a ReadFile<'a>,
    /// What counts more than the text, of a system that is up.
    pub overrides: &'a Overrides,
    /// Of these groups there are as many more as are replaced at a time.
    pub spares: &'a BTreeSet<AgentName>,
}

impl<'a> Surroundings<'a> {
    /// No variable and no file.
    pub fn bare(source: &'a Source) -> Self {
        Self::with_variables(source, &|_| None)
    }

    /// Variables, and no file.
    pub fn with_variables(source: &'a Source, variables: &'a Lookup<'a>) -> Self {
        Self {
            source,
            variables,
            env_files: &|_| Err("no files are read here".to_owned()),
            overrides: &NONE,
            spares: &NO_SPARES,
        }
    }
}
