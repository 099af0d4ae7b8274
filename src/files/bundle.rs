//! The files for one machine: lists of what has to be there, and where each file is here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::FilesError;
use super::look::Looked;
use super::walk::{Walked, walk};
use crate::model::{Digest, Entry, Listing, SyncSpec};

/// All that was looked through, each once, however many machines it is for.
#[derive(Debug, Default)]
pub(crate) struct Stock {
    walked: HashMap<SyncSpec, Arc<Walked>>,
    /// Set when no `up` waits for it any more.
    pub stop: Arc<AtomicBool>,
}

/// What is to go to one machine.
#[derive(Debug, Default)]
pub(crate) struct Bundle {
    pub trees: Vec<Tree>,
    sources: HashMap<Digest, PathBuf>,
}

/// A folder that is to be there as it is here.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    /// The folder here.
    pub from: PathBuf,
    pub listing: Listing,
}

impl Stock {
    /// The bundle of a machine whose agents ask for `specs`: those of one folder are put together.
    pub(crate) fn bundle<'s>(
        &mut self,
        specs: impl IntoIterator<Item = &'s SyncSpec>,
    ) -> Result<Bundle, FilesError> {
        let mut folders: BTreeMap<&Path, Vec<Arc<Walked>>> = BTreeMap::new();
        for spec in specs {
            let walked = match self.walked.get(spec) {
                Some(walked) => walked.clone(),
                None => {
                    let walked = Arc::new(walk(spec, &self.stop)?);
                    self.walked.insert(spec.clone(), walked.clone());
                    walked
                }
            };
            folders.entry(&spec.from).or_default().push(walked);
        }
        let mut bundle = Bundle::default();
        for (from, parts) in folders {
            let mut entries = BTreeMap::new();
            for walked in parts {
                entries.extend(walked.entries.clone());
                bundle.sources.extend(walked.sources.clone());
            }
            let entries = entries.into_iter();
            let entries = entries.map(|(path, what)| Entry { path, what }).collect();
            let listing = Listing::new(entries).map_err(|error| FilesError::Listing {
                from: from.to_owned(),
                error,
            })?;
            let from = from.to_owned();
            bundle.trees.push(Tree { from, listing });
        }
        Ok(bundle)
    }
}

impl Stock {
    /// The digest of what was looked through for `spec`, if it was.
    pub(crate) fn digest(&self, spec: &SyncSpec) -> Option<Digest> {
        let walked = self.walked.get(spec)?;
        Some(Looked::of(spec, &walked.entries).digest(&BTreeSet::new()))
    }
}

impl Bundle {
    pub(crate) fn is_empty(&self) -> bool {
        self.trees.is_empty()
    }

    pub(crate) fn listings(&self) -> Vec<Listing> {
        let trees = self.trees.iter();
        trees.map(|tree| tree.listing.clone()).collect()
    }

    /// Where to find the contents that the machine lacks, and their sizes. None if it asks for what is not
    /// of the bundle, or for something twice.
    pub(crate) fn asked(&self, sums: &[Digest]) -> Option<Vec<(PathBuf, u64)>> {
        let files = self.trees.iter().flat_map(|tree| tree.listing.files());
        let mut sizes: HashMap<Digest, u64> = files.map(|(size, sum)| (sum, size)).collect();
        let found = sums.iter().map(|sum| {
            let size = sizes.remove(sum)?;
            Some((self.sources.get(sum)?.clone(), size))
        });
        found.collect()
    }
}
