//! What the benches have in common: options, processes that end with the bench, systems in a folder
//! of their own, paired rounds, tables. What is measured, each bench says itself.

// Each bench is a program of its own and uses a part of this.
#![allow(dead_code, unused_imports)]

pub(crate) mod children;
pub(crate) mod curve;
pub(crate) mod fill;
pub(crate) mod options;
pub(crate) mod pairs;
pub(crate) mod proc;
pub(crate) mod registry;
pub(crate) mod star;
pub(crate) mod system;
pub(crate) mod table;

pub(crate) use children::Child;
pub(crate) use curve::Way;
pub(crate) use options::{Options, role};
pub(crate) use pairs::paired;
pub(crate) use star::star;
pub(crate) use system::{System, osb};
pub(crate) use table::{Aim, Table};
