//! Files that are copied with agents to other machines: found and summed here, kept there by their content,
//! and laid out there as a folder. Only missing contents are sent; the sending is the work of
//! `machine` and `ssh`.

mod bundle;
mod error;
mod lay;
mod look;
mod renew;
mod restless;
mod store;
mod sum;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use bundle::{Bundle, Stock};
pub(crate) use error::FilesError;
pub(crate) use lay::lay;
pub(crate) use look::{Looked, Looker};
pub(crate) use renew::renew;
pub(crate) use restless::{News, Restless};
pub(crate) use store::Store;
pub(crate) use sum::sum_of;
