//! A program that may have ended, and what the next one is given.

use std::collections::BTreeSet;

use super::core::Relaunch;
use crate::model::Alias;

/// How it stands with the program, and what it leaves to the next one.
#[derive(Default)]
pub(crate) struct Relaunching {
    pub core: Relaunch,
    /// Messages that it has not read.
    pub unread: Vec<Box<[u8]>>,
    /// Sockets that it has made itself.
    pub made: BTreeSet<Alias>,
}
