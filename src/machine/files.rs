//! Receiving files for agents on this machine: missing contents come by standard input.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;

use super::MachineError;
use crate::files::{Store, lay};
use crate::model::{Amount, Digest, Listing};
use crate::state::SystemDir;
use crate::wire::MachineWord;

/// Takes in what is lacking of the listed folders, and lays them out. Says where they are.
pub(super) fn take_in(
    listings: &[Listing],
    dir: &SystemDir,
    speak: &mut impl FnMut(MachineWord) -> io::Result<()>,
) -> Result<(), MachineError> {
    if listings.is_empty() {
        return Ok(());
    }
    let store = Store::of_user()?;
    store.sweep();
    let files = listings.iter().flat_map(Listing::files);
    let all: BTreeMap<Digest, u64> = files.map(|(size, sum)| (sum, size)).collect();
    let lacks = |(sum, size): &(Digest, u64)| !store.has(*sum, *size);
    let lacking: Vec<(Digest, u64)> = all.into_iter().filter(lacks).collect();
    let sums = lacking.iter().map(|(sum, _)| *sum).collect();
    speak(MachineWord::Lacks { sums })?;
    let mut stdin = io::stdin().lock();
    for (sum, size) in lacking {
        store.take(&mut stdin, sum, size)?;
    }
    let around = dir.files();
    DirBuilder::new().mode(0o700).create(&around)?;
    let mut folders = Vec::new();
    for (number, listing) in listings.iter().enumerate() {
        let folder = around.join(number.to_string());
        lay(listing, &store, &folder)?;
        folders.push(folder);
    }
    let amount: Amount = listings.iter().map(Listing::amount).sum();
    dir.note_files(amount)?;
    Ok(speak(MachineWord::Laid { folders })?)
}
