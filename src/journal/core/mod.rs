//! What the journal decides: numbers, which file an event goes to, when that is full, and which refusals are told
//! as one. Pure.

mod book;
mod repeats;

pub(crate) use book::{Book, Keep, LONGEST_LINE, Page};
pub(crate) use repeats::{Repeats, Whose};
