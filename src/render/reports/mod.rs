//! What commands find out, each in three forms. specs/output.md describes the JSON.

mod addresses;
mod agents;
mod connections;
mod hosts;
mod systems;
#[cfg(test)]
mod tests;
mod values;
mod versions;
mod waited;

pub use addresses::{Addresses, AddressesOfAgent, BareAddress};
pub use agents::Agents;
pub use connections::Connections;
pub use hosts::Hosts;
pub use systems::{SystemRow, Systems};
pub use values::{Answer, Attributes, Done};
pub use versions::Versions;
pub use waited::{Waited, WaitedRow};
