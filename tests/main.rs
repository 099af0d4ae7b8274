//! All tests of the `osb` that is built, in one program, so that it is linked once. Each file of `tests` is a module:
//! `cargo test --test main logs::` runs those of `tests/logs.rs`.

mod common;

mod admission;
mod architecture;
mod attach;
mod boot;
mod change;
mod change_machines;
mod cli;
mod completions;
mod corpus;
mod doctor;
mod drain;
mod elsewhere;
mod events;
mod exact;
mod examples;
mod export;
mod faults;
mod follow;
mod frames;
mod graph;
mod groups;
mod health;
mod hostile;
mod keepers;
mod kills;
mod kit;
mod language;
mod leftovers;
mod live;
mod logs;
mod losses;
mod machines;
mod many;
mod mend;
mod mend_machines;
mod metrics;
mod neighbours;
mod patience;
mod plain;
mod proxies;
mod readme;
mod record;
mod relaunch;
mod restarts;
mod scale;
mod security;
mod settle;
mod spawn;
mod state;
mod stop;
mod stop_timeout;
mod system;
mod tap;
mod terminal;
mod top;
mod unwell;
mod up_down;
mod ways;
mod which;
mod why;
mod wires;

/// A file that is not a module is not compiled, and its tests are not missed.
#[test]
fn no_file_is_forgotten() {
    let all = include_str!("main.rs");
    for file in common::entries(&common::repository().join("tests")) {
        if let Some(module) = file.strip_suffix(".rs").filter(|it| *it != "main") {
            assert!(
                all.contains(&format!("\nmod {module};\n")),
                "tests/{file} is not a module of tests/main.rs"
            );
        }
    }
}
