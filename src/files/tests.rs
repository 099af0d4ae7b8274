//! Folders of files, from one place to another.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Bundle, FilesError, Stock, Store, lay, renew};
use crate::model::{Amount, Digest, Listing, NamePattern, SyncSpec};

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for folder in ["here/lab/deep", "here/other", "here/.git"] {
            fs::create_dir_all(place.at(folder)).unwrap();
        }
        for (path, text) in [
            ("here/lab/run.sh", "#!/bin/sh"),
            ("here/lab/deep/data", "data"),
            ("here/lab/same", "data"),
            ("here/lab/old.pyc", "x"),
            ("here/other/note", "note"),
            ("here/.git/config", "x"),
        ] {
            fs::write(place.at(path), text).unwrap();
        }
        let run = place.at("here/lab/run.sh");
        fs::set_permissions(run, fs::Permissions::from_mode(0o755)).unwrap();
        symlink("deep/data", place.at("here/lab/link")).unwrap();
        place
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn spec(&self, paths: &[&str], except: &[&str]) -> SyncSpec {
        SyncSpec {
            from: self.at("here"),
            paths: paths.iter().map(|it| it.parse().unwrap()).collect(),
            except: except.iter().flat_map(|it| NamePattern::new(it)).collect(),
        }
    }

    fn store(&self) -> Store {
        Store::at(&self.at("store")).unwrap()
    }

    fn names(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.at(path)).unwrap();
        let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

/// Does what the two ends do. Tells how many contents had to travel.
fn copy(bundle: &Bundle, store: &Store, to: &Path) -> Result<usize, FilesError> {
    let listing = &bundle.trees[0].listing;
    let lacks = |(size, sum): &(u64, Digest)| !store.has(*sum, *size);
    let mut lacking: Vec<(u64, Digest)> = listing.files().filter(lacks).collect();
    lacking.sort();
    lacking.dedup();
    let sums: Vec<Digest> = lacking.iter().map(|(_, sum)| *sum).collect();
    let sources = bundle.asked(&sums).unwrap();
    for ((size, sum), (path, _)) in lacking.iter().zip(sources) {
        store.take(&mut fs::File::open(path).unwrap(), *sum, *size)?;
    }
    lay(listing, store, to)?;
    Ok(sums.len())
}

#[test]
fn a_folder_is_the_same_there_and_travels_once() {
    let place = Place::new();
    let store = place.store();
    let specs = [
        place.spec(&["lab"], &["*.pyc"]),
        place.spec(&["other/note"], &[]),
    ];
    let bundle = Stock::default().bundle(&specs).unwrap();
    assert_eq!(
        bundle
            .listings()
            .iter()
            .map(Listing::amount)
            .sum::<Amount>(),
        Amount {
            files: 4,
            bytes: 9 + 4 + 4 + 4
        }
    );
    assert_eq!(
        copy(&bundle, &store, &place.at("there")).unwrap(),
        3,
        "one of two alike"
    );
    assert_eq!(place.names("there"), ["lab", "other"]);
    assert_eq!(place.names("there/lab"), ["deep", "link", "run.sh", "same"]);
    assert_eq!(fs::read(place.at("there/lab/link")).unwrap(), b"data");
    let mode = |path: &str| fs::metadata(place.at(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("there"), mode("there/lab/deep")), (0o700, 0o700));
    assert_eq!(
        (mode("there/lab/run.sh"), mode("there/lab/same")),
        (0o700, 0o600)
    );

    // What a program does to its copy does nothing to the next one.
    fs::write(place.at("there/lab/same"), "spoilt").unwrap();
    assert_eq!(copy(&bundle, &store, &place.at("again")).unwrap(), 0);
    assert_eq!(fs::read(place.at("again/lab/same")).unwrap(), b"data");
    fs::write(place.at("here/lab/same"), "new").unwrap();
    let bundle = Stock::default().bundle(&specs).unwrap();
    assert_eq!(copy(&bundle, &store, &place.at("changed")).unwrap(), 1);

    let all = Stock::default()
        .bundle(&[place.spec(&["."], &[".git"])])
        .unwrap();
    copy(&all, &store, &place.at("all")).unwrap();
    assert_eq!(place.names("all"), ["lab", "other"]);
}

#[test]
fn what_cannot_be_copied_is_named() {
    let place = Place::new();
    let error = |paths: &[&str]| {
        let error = Stock::default()
            .bundle(&[place.spec(paths, &[])])
            .unwrap_err();
        (error.to_string(), error.remedy())
    };
    let (missing, remedy) = error(&["lab", "bal/x"]);
    assert!(
        missing.contains("there is no") && missing.contains("here/bal"),
        "{missing}"
    );
    assert!(remedy.contains("begin at the topology's folder"));
    symlink("lab", place.at("here/alias")).unwrap();
    assert!(error(&["alias/run.sh"]).0.contains("here/alias is a link"));
    symlink("../../../etc", place.at("here/lab/out")).unwrap();
    assert!(
        error(&["lab"])
            .0
            .contains("lab/out is a link that leads out")
    );
    fs::remove_file(place.at("here/lab/out")).unwrap();
    nix::unistd::mkfifo(&place.at("here/lab/pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(error(&["lab"]).0.contains("lab/pipe is neither"));
    let name: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"\xff");
    fs::write(place.at("here/other").join(name), "").unwrap();
    assert!(error(&["other"]).0.contains("no UTF-8"));
}

#[test]
fn a_store_takes_nothing_but_what_was_announced() {
    let place = Place::new();
    let (store, bundle) = (place.store(), Stock::default());
    let mut stock = bundle;
    let bundle = stock.bundle(&[place.spec(&["other"], &[])]).unwrap();
    let (size, sum) = bundle.trees[0].listing.files().next().unwrap();
    for (text, part) in [
        ("wrong", "not what was announced"),
        ("no", "ended in the middle"),
    ] {
        let error = store.take(&mut text.as_bytes(), sum, size).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        assert!(!store.has(sum, size));
        assert!(place.names("store").is_empty(), "nothing half is left");
    }
    let wanted = [sum];
    assert_eq!(bundle.asked(&wanted).unwrap().len(), 1);
    assert_eq!(bundle.asked(&[sum, sum]), None, "twice");
    assert_eq!(
        bundle.asked(&[Digest::new([0; 32])]),
        None,
        "nothing of ours"
    );

    // What has rotted is noticed, and comes anew the next time.
    copy(&bundle, &store, &place.at("there")).unwrap();
    let folder = place.at("store").join(&sum.to_string()[..2]);
    let blob = folder.join(&sum.to_string()[2..]);
    fs::write(&blob, "nota").unwrap();
    let error = copy(&bundle, &store, &place.at("again")).unwrap_err();
    assert!(error.to_string().contains("not what it was"), "{error}");
    assert!(!place.at("again").exists() && !place.at("again.new").exists());
    assert_eq!(copy(&bundle, &store, &place.at("again")).unwrap(), 1);

    let age = |days: u64| {
        let file = fs::File::open(&blob).unwrap();
        let then = SystemTime::now() - Duration::from_secs(days * 24 * 3600);
        file.set_modified(then).unwrap();
    };
    age(29);
    store.sweep();
    assert!(blob.exists());
    age(31);
    store.sweep();
    assert!(!blob.exists());
}

#[test]
fn a_store_that_others_get_at_is_refused() {
    let place = Place::new();
    place.store();
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(place.at("store"), open).unwrap();
    let error = Store::at(&place.at("store")).unwrap_err();
    assert!(matches!(error, FilesError::Untrusted(_)), "{error}");
    symlink(place.at("here"), place.at("linked")).unwrap();
    assert!(Store::at(&place.at("linked")).is_err());
}

/// What is of no list, a program has put there.
#[test]
fn a_folder_becomes_what_another_list_says_and_back() {
    let place = Place::new();
    let store = place.store();
    let listing = |place: &Place| {
        let spec = place.spec(&["lab"], &["*.pyc"]);
        let bundle = Stock::default().bundle([&spec]).unwrap();
        let listing = bundle.listings().remove(0);
        let sums: Vec<Digest> = listing.files().map(|(_, sum)| sum).collect();
        let unique: std::collections::BTreeSet<Digest> = sums.into_iter().collect();
        let unique: Vec<Digest> = unique.into_iter().collect();
        for (sum, (path, size)) in unique.iter().zip(bundle.asked(&unique).unwrap()) {
            let mut file = fs::File::open(path).unwrap();
            store.take(&mut file, *sum, size).unwrap();
        }
        listing
    };
    let former = listing(&place);
    let at = place.at("there");
    lay(&former, &store, &at).unwrap();
    let read = |path: &str| fs::read_to_string(at.join(path)).unwrap();
    fs::write(at.join("lab/own"), "own").unwrap();
    fs::write(at.join("lab/same"), "changed by a program").unwrap();
    // A file becomes a folder, a folder a file, a link another; one comes and one goes.
    fs::remove_file(place.at("here/lab/run.sh")).unwrap();
    fs::create_dir(place.at("here/lab/run.sh")).unwrap();
    fs::write(place.at("here/lab/run.sh/x"), "x").unwrap();
    fs::remove_dir_all(place.at("here/lab/deep")).unwrap();
    fs::write(place.at("here/lab/deep"), "flat").unwrap();
    fs::remove_file(place.at("here/lab/link")).unwrap();
    symlink("same", place.at("here/lab/link")).unwrap();
    let next = listing(&place);
    renew((&former, &next), &store, &at).unwrap();
    assert_eq!(
        (read("lab/run.sh/x"), read("lab/deep")),
        ("x".into(), "flat".into())
    );
    assert_eq!(
        fs::read_link(at.join("lab/link")).unwrap(),
        Path::new("same")
    );
    assert_eq!(
        (read("lab/own"), read("lab/same")),
        ("own".into(), "changed by a program".into())
    );
    renew((&next, &former), &store, &at).unwrap();
    assert_eq!(
        (read("lab/run.sh"), read("lab/deep/data")),
        ("#!/bin/sh".into(), "data".into())
    );
    assert_eq!(
        place.names("there/lab"),
        ["deep", "link", "own", "run.sh", "same"]
    );
    // Where a program has put a link in the place of a folder, nothing is written behind it.
    fs::remove_dir_all(at.join("lab/deep")).unwrap();
    symlink(place.at("here/other"), at.join("lab/deep")).unwrap();
    renew((&former, &former), &store, &at).unwrap();
    assert!(fs::symlink_metadata(at.join("lab/deep")).unwrap().is_dir());
    assert_eq!(place.names("here/other"), ["note"]);
}
