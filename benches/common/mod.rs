//! What the benches have in common: options, processes that end with the bench, systems in a folder
//! of their own, paired rounds, tables. What is measured, each bench says itself.

// Each bench is a program of its own and uses a part of this.
#![allow(dead_code, unused_imports)]

pub mod children;
pub mod curve;
pub mod fill;
pub mod options;
pub mod pairs;
pub mod proc;
pub mod registry;
pub mod star;
pub mod system;
pub mod table;

pub use children::Child;
pub use curve::Way;
pub use options::{Options, role};
pub use pairs::paired;
pub use star::star;
pub use system::{System, osb};
pub use table::{Aim, Table};
