//! Stands in for `zeromq-src` 0.2, which the build script of `zmq-sys` asks to build libzmq.
//!
//! That script passes no libsodium, and so the libzmq it links has no CURVE. This crate has the
//! same little interface, ignores what it is told about libsodium, and builds libzmq 4.3.5 by the
//! real `zeromq-src` 0.3 with the libsodium that `libsodium-sys-stable` compiled. It tells libzmq what Linux has, which
//! that one does not. It is put in place by `[patch.crates-io]` and does nothing else.

// Named so that cargo builds it first; its library and headers are used, not its Rust bindings.
extern crate libsodium_sys;

use std::path::PathBuf;
use upstream::LibLocation;

/// What 0.2 called a library's place. Accepted, and not used.
pub type Location = LibLocation;

/// The builder that `zmq-sys` calls: `Build::new().with_libsodium(None).build()`.
#[derive(Default)]
pub struct Build {}

impl Build {
    pub fn new() -> Self {
        Self::default()
    }

    /// Ignores its argument: libsodium is always linked.
    pub fn with_libsodium(&mut self, _ignored: Option<LibLocation>) -> &mut Self {
        self
    }

    /// Compiles libzmq and prints what cargo needs to link it with libsodium.
    pub fn build(&mut self) {
        let sodium = LibLocation::new(
            PathBuf::from(env!("SODIUM_LIB")),
            PathBuf::from(env!("SODIUM_INCLUDE")),
        );
        link_cxx_statically();
        say_what_linux_has();
        upstream::Build::new().with_libsodium(Some(sodium)).build();
    }
}

/// Has the C++ standard library linked into the binary, unless the environment says how it is to be
/// linked. What it takes to load and relocate it at the start of each process is a good part of all
/// that a short command or an idle agent costs.
fn link_cxx_statically() {
    let said = |name| std::env::var_os(name).is_some();
    if !said("CXXSTDLIB") && !said("CXXSTDLIB_STATIC") {
        // SAFETY: build scripts have one thread.
        unsafe { std::env::set_var("CXXSTDLIB_STATIC", "1") };
    }
}

/// What libzmq's own build script finds out on every Linux of the last fifteen years.
const LINUX_HAS: &[&str] = &[
    // Without it, time is the clock on the wall: whoever sets it back by an hour stops all waiting for an hour.
    "HAVE_CLOCK_GETTIME",
    // Threads wake one another by it: one descriptor instead of two, and half the price.
    "ZMQ_HAVE_EVENTFD",
    // No moment in which a process that is started inherits sockets.
    "ZMQ_HAVE_EVENTFD_CLOEXEC",
    "ZMQ_HAVE_SOCK_CLOEXEC",
    "HAVE_ACCEPT4",
    "ZMQ_IOTHREAD_POLLER_USE_EPOLL_CLOEXEC",
];

fn say_what_linux_has() {
    let target = std::env::var("TARGET").unwrap_or_default();
    if !target.contains("linux") {
        return;
    }
    let flags: String = LINUX_HAS.iter().map(|it| format!(" -D{it}=1")).collect();
    // Of these, the compiler is given the first that is set.
    let names = [
        format!("CXXFLAGS_{target}"),
        format!("CXXFLAGS_{}", target.replace('-', "_")),
        "HOST_CXXFLAGS".to_owned(),
        "TARGET_CXXFLAGS".to_owned(),
    ];
    let set = names
        .into_iter()
        .filter(|it| std::env::var_os(it).is_some());
    for name in set.chain(["CXXFLAGS".to_owned()]) {
        let given = std::env::var(&name).unwrap_or_default();
        // SAFETY: build scripts have one thread.
        unsafe { std::env::set_var(name, given + &flags) };
    }
}
