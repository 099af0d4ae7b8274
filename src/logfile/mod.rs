//! The files of logs: written within limits, in pieces that stay in order, and read as if they were one.
//!
//! Of the log `Bob.log`, what is full is moved to the folder `Bob.log.old`, under the place of its first byte in the
//! whole log. So a place in a log stays what it is however often the files change, and can be told to others.
//! It knows neither the content of the lines nor their readers.

mod copied;
mod pieces;
mod rotation;
mod writer;

pub(crate) use copied::LogCaps;
pub(crate) use pieces::{Behind, LogFile, behind, copy_of, files_of, last_bytes};
pub(crate) use writer::{LogWriter, move_if_full};
