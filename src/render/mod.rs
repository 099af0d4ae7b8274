//! What people see: results and problems as text. Nothing here prints.

pub mod diagnostic;
