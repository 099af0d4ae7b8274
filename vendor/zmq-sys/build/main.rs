//! Builds the libzmq 4.3.5 that lies in `libzmq`, with the libsodium that `libsodium-sys-stable` compiled,
//! after the changes in [`patches`], and has it linked. Linux only, as osb is.

mod patch;
mod patches;
mod sources;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// What libzmq's own build script finds out on every Linux of the last fifteen years.
const LINUX_HAS: &[&str] = &[
    "ZMQ_HAVE_LINUX",
    "ZMQ_IOTHREAD_POLLER_USE_EPOLL",
    "ZMQ_POLL_BASED_ON_POLL",
    "ZMQ_HAVE_IPC",
    "ZMQ_HAVE_STRUCT_SOCKADDR_UN",
    "ZMQ_HAVE_UIO",
    "HAVE_STRNLEN",
    // Without it, time is the clock on the wall: whoever sets it back by an hour stops all waiting for an hour.
    "HAVE_CLOCK_GETTIME",
    // Threads wake one another by it: one descriptor instead of two, and half the price.
    "ZMQ_HAVE_EVENTFD",
    // No moment in which a process that is started inherits sockets.
    "ZMQ_HAVE_EVENTFD_CLOEXEC",
    "ZMQ_HAVE_SOCK_CLOEXEC",
    "HAVE_ACCEPT4",
    "ZMQ_IOTHREAD_POLLER_USE_EPOLL_CLOEXEC",
    // Without these four, the options for keepalive are taken and do nothing.
    "ZMQ_HAVE_SO_KEEPALIVE",
    "ZMQ_HAVE_TCP_KEEPCNT",
    "ZMQ_HAVE_TCP_KEEPIDLE",
    "ZMQ_HAVE_TCP_KEEPINTVL",
    // Who is at the other end of a Unix socket.
    "ZMQ_HAVE_SO_PEERCRED",
];

/// What is chosen, rather than found out.
const CHOSEN: &[&str] = &[
    "ZMQ_STATIC",
    "ZMQ_USE_CV_IMPL_STL11",
    "ZMQ_USE_LIBSODIUM",
    "ZMQ_HAVE_CURVE",
];

fn main() {
    let target = told("TARGET");
    assert!(target.contains("linux"), "osb is for Linux, not for {target}");
    let out = PathBuf::from(told("OUT_DIR"));
    let pristine = Path::new(env!("CARGO_MANIFEST_DIR")).join("libzmq");
    println!("cargo:rerun-if-changed={}", pristine.display());
    let mended = out.join("libzmq");
    // What was there before an update would hide that something is missing now.
    if mended.exists() {
        fs::remove_dir_all(&mended).expect("OUT_DIR can be written to");
    }
    patch::copy(&pristine, &mended);
    for patch in patches::ALL {
        patch.apply(&mended);
    }
    compile(&mended, &out);
    println!("cargo:include={}", mended.join("include").display());
    println!("cargo:lib={}", out.join("lib").display());
}

fn told(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo did not tell this build script {name}"))
}

/// Where libsodium's headers are.
fn sodium() -> String {
    println!("cargo:rerun-if-env-changed=DEP_SODIUM_INCLUDE");
    env::var("DEP_SODIUM_INCLUDE")
        .expect("libsodium-sys-stable tells where its headers are: was it built from a system package?")
}

fn compile(libzmq: &Path, out: &Path) {
    link_cxx_statically();
    // What libzmq's own build script would write; all of it is given by flags here.
    fs::write(out.join("platform.hpp"), "").expect("OUT_DIR can be written to");
    let mut build = cc::Build::new();
    for name in LINUX_HAS.iter().chain(CHOSEN) {
        build.define(name, "1");
    }
    if has_strlcpy(out) {
        build.define("ZMQ_HAVE_STRLCPY", "1");
    }
    build.warnings(false).include(out).include(sodium());
    build.include(libzmq.join("include")).include(libzmq.join("src"));
    let files = sources::ALL.iter().map(|name| libzmq.join("src").join(name).with_extension("cpp"));
    build.cpp(true).std("c++11").files(files);
    build.out_dir(out.join("lib")).compile("zmq");
}

/// Whether the C library has `strlcpy`, so that libzmq must not bring its own.
fn has_strlcpy(out: &Path) -> bool {
    let source = out.join("strlcpy.cpp");
    let text = "#include <string.h>\nsize_t it(char *to) { return strlcpy(to, \"\", 1); }\n";
    fs::write(&source, text).expect("OUT_DIR can be written to");
    let mut build = cc::Build::new();
    build.cpp(true).cargo_metadata(false).cargo_warnings(false).out_dir(out);
    build.file(source).try_compile_intermediates().is_ok()
}

/// Has the C++ standard library linked into the binary, unless the environment says how it is to be
/// linked. What it takes to load and relocate it at the start of each process is a good part of all
/// that a short command or an idle agent costs.
fn link_cxx_statically() {
    let said = |name| env::var_os(name).is_some();
    if !said("CXXSTDLIB") && !said("CXXSTDLIB_STATIC") {
        env::set_var("CXXSTDLIB_STATIC", "1");
    }
}
