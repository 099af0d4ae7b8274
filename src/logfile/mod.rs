//! The files of logs: written within limits, in pieces that stay in order, and read as if they were one.
//!
//! Of the log `Bob.log`, what is full is moved to the folder `Bob.log.old`, under the place of its first byte in the
//! whole log. So a place in a log stays what it is however often the files change, and can be told to others.
//! What the lines say, and who reads them, is others' business.

mod copied;
mod pieces;
mod rotation;
mod writer;

pub use copied::LogCaps;
pub use pieces::{Behind, LogFile, behind, copy_of, files_of, last_bytes};
pub use writer::{LogWriter, move_if_full};
