//! The corpus of the fuzz targets, without a fuzzer: each entry once, held against what its target
//! holds against everything. What a fuzzer has once found is kept there, by a name that says what it was.

#[allow(unreachable_pub, reason = "it is a library of its own, too")]
#[path = "../fuzz/src/lib.rs"]
mod properties;

use std::fs;
use std::panic;
use std::path::Path;

fn all_hold(target: &str, property: fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let entries = fs::read_dir(fuzz.join("corpus").join(target)).unwrap();
    let mut seen = 0;
    for entry in entries {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let held = panic::catch_unwind(|| property(&bytes));
        assert!(held.is_ok(), "{} does not hold: see above", path.display());
        seen += 1;
    }
    assert!(seen >= 5, "{target} has {seen} entries");
    assert!(fuzz.join(format!("fuzz_targets/{target}.rs")).exists());
}

#[test]
fn control() {
    all_hold("control", properties::control);
}

#[test]
fn topology() {
    all_hold("topology", properties::topology);
}

#[test]
fn words() {
    all_hold("words", properties::words);
}

#[test]
fn names() {
    all_hold("names", properties::names);
}

#[test]
fn payloads() {
    all_hold("payloads", properties::payloads);
}

#[test]
fn lines() {
    all_hold("lines", properties::lines);
}

#[test]
fn terminal() {
    all_hold("terminal", properties::terminal);
}

#[test]
fn journal() {
    all_hold("journal", properties::journal);
}

#[test]
fn admits() {
    all_hold("admits", properties::admits);
}

#[test]
fn quotas() {
    all_hold("quotas", properties::quotas);
}

#[test]
fn zap() {
    all_hold("zap", properties::zap);
}
