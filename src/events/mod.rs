//! What happens in a system, as numbered events. Pure: owners keep theirs until the name server has them (`outbox`), the name server
//! takes each once (`owners`), numbers them, and tells those who wait (`stream`).
//!
//! What an event is says `wire`; where they are kept on a disk, `journal`.

mod outbox;
#[cfg(feature = "cli")]
mod owners;
#[cfg(feature = "cli")]
mod stream;

pub(crate) use outbox::Outbox;
#[cfg(feature = "cli")]
pub(crate) use owners::{Owners, Taken};
#[cfg(feature = "cli")]
pub(crate) use stream::{PAGE, Stream, Waiter, page_of};
