//! Access: which keys are admitted and for which holder ([`Keyring`]), and what each level may ask
//! for ([`Asked`]), and how often (`quota`).
//!
//! A pure core. ZAP's messages, files and the drawing of keys are its drivers' business.

#[doc(hidden)]
pub mod fuzzing;
mod keyring;
pub(crate) mod quota;
mod table;

pub use keyring::{KeyChange, KeyId, Keyring, NotAdmitted};
pub use table::{Asked, Levels};
