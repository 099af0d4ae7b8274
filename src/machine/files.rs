//! Receiving files for agents on this machine: missing contents come by standard input.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::MachineError;
use crate::files::{FilesError, Store, lay, renew};
use crate::model::{Amount, Digest, Listing};
use crate::state::SystemDir;
use crate::wire::{DaemonOf, MachineWord, Renewal, body};

/// Takes in what is lacking of the listed folders, and lays them out. Says where they are.
pub(super) fn take_in(
    listings: &[Listing],
    dir: &SystemDir,
    speak: &mut impl FnMut(MachineWord) -> io::Result<()>,
) -> Result<(), MachineError> {
    if listings.is_empty() {
        return Ok(());
    }
    let store = receive(listings, speak)?;
    let around = dir.files();
    DirBuilder::new().mode(0o700).create(&around)?;
    let mut folders = Vec::new();
    for (number, listing) in listings.iter().enumerate() {
        let folder = around.join(number.to_string());
        lay(listing, &store, &folder)?;
        note(&folder, listing)?;
        folders.push(folder);
    }
    note_amount(dir)?;
    Ok(speak(MachineWord::Laid { folders })?)
}

/// Takes in the contents that are lacking of these folders.
fn receive(
    listings: &[Listing],
    speak: &mut impl FnMut(MachineWord) -> io::Result<()>,
) -> Result<Store, MachineError> {
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
    Ok(store)
}

/// Brings the folders of a daemon that runs up to date, and waits: for its release, or for the end of the connection, upon which
/// all is put back.
pub(super) async fn renew_all(
    daemon: &DaemonOf,
    files: &[Renewal],
    speak: &mut impl FnMut(MachineWord) -> io::Result<()>,
) -> Result<(), MachineError> {
    let (_, dir) = super::folders(daemon)?;
    let around = dir.files();
    let is_ours = |it: &Renewal| {
        let folder = it.folder.as_ref();
        folder.is_none_or(|folder| folder.parent() == Some(&around) && folder.is_dir())
    };
    if !files.iter().all(is_ours) {
        let reason = "a folder is named that is none of this daemon's files".to_owned();
        return Err(MachineError::Request(reason));
    }
    let listings: Vec<Listing> = files.iter().map(|it| it.listing.clone()).collect();
    let store = receive(&listings, speak)?;
    match DirBuilder::new().mode(0o700).create(&around) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
        _ => {}
    }
    let mut done = Vec::new();
    let outcome = lay_out(files, &around, &store, &mut done).and_then(|()| {
        let folders = done.iter().map(|it| it.folder.clone()).collect();
        note_amount(&dir)?;
        Ok(speak(MachineWord::Laid { folders })?)
    });
    if outcome.is_ok() {
        let line = super::lines().recv().await;
        if line.as_deref().map(str::trim_end) == Some(MachineWord::RELEASE) {
            return Ok(());
        }
    }
    let back = done.iter().rev().map(|it| it.put_back(&store));
    let back = back.collect::<Result<Vec<()>, _>>().map(drop);
    note_amount(&dir)?;
    outcome.and(back)
}

/// A folder that is otherwise.
struct Done {
    folder: PathBuf,
    listing: Listing,
    /// What it had before. None: it was not there.
    former: Option<Listing>,
}

fn lay_out(
    files: &[Renewal],
    around: &Path,
    store: &Store,
    done: &mut Vec<Done>,
) -> Result<(), MachineError> {
    for Renewal { listing, folder } in files {
        let former = folder.as_deref().map(noted);
        let folder = folder.clone().unwrap_or_else(|| free(around));
        done.push(Done {
            folder: folder.clone(),
            listing: listing.clone(),
            former: former.clone(),
        });
        match &former {
            Some(former) => renew((former, listing), store, &folder)?,
            None => lay(listing, store, &folder)?,
        }
        note(&folder, listing)?;
    }
    Ok(())
}

impl Done {
    fn put_back(&self, store: &Store) -> Result<(), MachineError> {
        match &self.former {
            Some(former) => {
                renew((&self.listing, former), store, &self.folder)?;
                note(&self.folder, former)
            }
            None => {
                let _ = fs::remove_file(list_of(&self.folder));
                match fs::remove_dir_all(&self.folder) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
                    _ => Ok(()),
                }
            }
        }
    }
}

/// A folder's place that nothing is at.
fn free(around: &Path) -> PathBuf {
    let places = (0_u32..).map(|number| around.join(number.to_string()));
    let mut free = places.filter(|it| !it.exists());
    free.next().unwrap_or_else(|| around.join("more"))
}

/// Where it is written down what a folder was laid out by.
fn list_of(folder: &Path) -> PathBuf {
    folder.with_extension("list")
}

fn note(folder: &Path, listing: &Listing) -> Result<(), MachineError> {
    let path = list_of(folder);
    let new = folder.with_extension("list-new");
    let write = fs::write(&new, body(listing)).and_then(|()| fs::rename(&new, &path));
    Ok(write.map_err(FilesError::io("write", &path))?)
}

/// Of one by an osb that has written nothing down, nothing is known: what it had stays.
fn noted(folder: &Path) -> Listing {
    let text = fs::read(list_of(folder)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Writes down how much there is.
fn note_amount(dir: &SystemDir) -> Result<(), MachineError> {
    let entries = fs::read_dir(dir.files())?.flatten();
    let folders = entries.filter(|it| it.path().is_dir());
    let amount: Amount = folders.map(|it| noted(&it.path()).amount()).sum();
    Ok(dir.note_files(amount)?)
}
