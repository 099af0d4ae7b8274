//! Hands the library and headers that libsodium-sys-stable built on to the crate itself.

use std::env;

fn main() {
    for (ours, theirs) in [
        ("SODIUM_INCLUDE", "DEP_SODIUM_INCLUDE"),
        ("SODIUM_LIB", "DEP_SODIUM_LIB"),
    ] {
        println!("cargo:rerun-if-env-changed={theirs}");
        match env::var(theirs) {
            Ok(path) => println!("cargo:rustc-env={ours}={path}"),
            Err(_) => panic!("libsodium-sys-stable told us no {theirs}: was it built from a system package?"),
        }
    }
}
