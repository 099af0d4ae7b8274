//! What commands find out, each in three forms. specs/output.md describes the JSON.

mod addresses;
mod agents;
mod checked;
mod closed;
mod connections;
mod copied;
mod diagnosed;
mod down;
mod hosts;
mod journal;
mod keys;
mod listed;
mod many;
mod planned;
mod runs;
mod sockets;
mod systems;
#[cfg(test)]
mod tests;
mod timers;
mod up;
mod values;
mod versions;
mod waited;

pub use addresses::{Addresses, AddressesOfAgent, BareAddress};
pub use agents::Agents;
pub use checked::{Checked, Expanded};
pub use closed::Closed;
pub use connections::{Connected, Connections};
pub use diagnosed::Diagnosed;
pub use down::Down;
pub use hosts::{HostRow, Hosts, Measured};
pub use journal::{Journal, JournalRow};
pub use keys::{KeyList, Revoked, utc};
pub use listed::Listed;
pub use many::{Failure, Many, Outcome};
pub use planned::Planned;
pub use runs::{KeptRuns, RunRow};
pub use sockets::Sockets;
pub use systems::{NameServerRow, SystemRow, SystemState, Systems};
pub use timers::Timers;
pub use up::Up;
pub use values::{Answer, Attributes, BareName, Done};
pub use versions::Versions;
pub use waited::{Waited, WaitedRow};
