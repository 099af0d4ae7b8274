//! The words of osb as types: names, kinds, addresses, durations, what a topology asks for, and
//! the states things are in. Nothing here does input or output.

mod access;
mod address;
mod admits;
#[cfg(feature = "cli")]
mod age;
mod connection;
mod duration;
mod edit;
mod files;
mod grace;
mod guard;
mod harmless;
mod health;
mod held;
mod host;
mod id;
mod ip;
mod json;
mod key;
mod kind;
mod level;
mod name;
mod natural;
mod new_agent;
mod overrides;
mod program;
mod quota;
mod replies;
mod report;
mod restart;
mod secret;
mod size;
#[allow(
    missing_docs,
    reason = "its fields are keys of topologies, which specs/topology.md describes"
)]
mod spec;
mod step;
mod template;
mod ties;
mod timer;
pub mod timing;
mod topic;
mod traffic;
mod unit;
mod update;

pub use access::{Access, Holder, KeyEntry, KeysOf, OperatorAccess, Term};
pub use address::{Address, BadEndpoint, Endpoint, Role, Serializer, Transport, beside, bound_for};
pub use admits::{Accept, Admits};
#[cfg(feature = "cli")]
pub(crate) use age::age;
pub use connection::{ConnectionInfo, End, Proof};
pub use duration::{DurationError, Millis};
pub use edit::Edit;
pub use files::{
    Amount, Contents, Digest, Entry, Listing, ListingError, NamePattern, SyncSpec, TreePath,
    TreePathError, What, matches_name,
};
pub use grace::{Grace, beyond_usual, longest_stop};
pub use guard::Guard;
pub use harmless::{harmless, harmless_in_colour, harmless_line};
pub use health::{BadHttpUrl, Check, Health, HttpUrl, Then};
pub use held::{HeldEnd, HeldLink, HeldSocket};
pub use host::{HostSpec, Reach, SshDestination, SshDestinationError, SshSpec};
pub use id::{AgentId, HostId, Incarnation, NameServerName, SocketId, SpecVersion};
pub use ip::{BadIp, read_ip, read_ip_and_port, read_ip_maybe_port, without_scheme, zone};
pub(crate) use json::has_large_integer;
pub use json::{JsonError, length_of_text, of as to_json, read as read_json};
pub use key::{BadKey, Credentials, Dial, KeyPair, PublicKey, SecretKey};
pub use kind::Kind;
pub use level::Level;
pub use name::{
    AgentName, Alias, HostName, MethodName, NameError, OperatorName, SystemName, Target,
};
pub use natural::natural;
pub use new_agent::NewAgent;
pub use overrides::Overrides;
pub use program::{Command, Machine, Program, Ready, Speaks, Unfilled, words};
pub use quota::Quota;
pub use replies::Replies;
pub use report::{
    AfterEnd, AgentInfo, Cause, ExitReport, HostInfo, Leftover, Relaunches, SocketStats, State,
};
pub use restart::{BadDecimal, Decimal, Restart, RestartPolicy};
pub use secret::looks_secret;
pub use size::{LogLimits, Size, SizeError};
pub use spec::{
    Action, ActionError, AgentSpec, BindSpec, Handlers, NameServerEntry, NameServerSpec, OnFailed,
    Security, Spawned, Topology, WireSpec,
};
pub use step::Step;
pub use template::{AddrPart, Piece, Reference, Template};
pub use ties::Ties;
pub use timer::{TimerAction, TimerInfo, TimerSpec, When};
pub use topic::{SEPARATOR, Topic, TopicError};
pub use traffic::Traffic;
pub use unit::{Around, Service, Unit, is_unit_of};
pub use update::{Update, UpdateFailure, UpdateOrder, UpdateWait};
