//! All that members say to one another: envelopes, requests, replies, faults and events, and the
//! payloads of data sockets. One encode, one strict decode; specs/protocol.md says the same in words.
//!
//! This floor knows bytes and types. It opens no socket and decides nothing.

mod agent;
mod bytes;
mod data;
mod envelope;
mod event_record;
mod examination;
mod fault;
mod host;
mod journal;
mod machine;
mod nameserver;
mod peer;
mod sync;
mod tap;
mod typed;

pub use agent::{
    AgentRequest, AgentStatus, AgentUsage, Alter, Arrived, Configure, ConnectRequest,
    ConnectToRequest, Given, Launch, ProcessUsage, ProofToken,
};
pub use bytes::{Bytes, Content, PLACE, PlaceError, without_frame};
pub use data::{CodecError, Encode, decode, decode_apart, encode, join_topic, split_topic};
pub use envelope::{DecodeError, Envelope, LARGEST_BODY, MessageKind, VERSION, body, read_body};
pub use event_record::{
    AgentEvent, EVENT_KINDS, EventOrigin, EventPage, EventRecord, HealthEvent, HostEvent,
    LossEvent, NameserverEvent, Occurred, OwnEvent, SocketEvent, WireEvent,
};
pub use examination::{Bound, Dialled, Examination, Examined, Found, ProgramNeed, Target};
pub use fault::Fault;
pub use host::{
    AfterProgram, AgentBoot, AgentLogs, Altered, HostRequest, LARGEST_LOG_PIECE, LogPiece,
    LogsFrom, MachineFacts, StopStage, Stopped, Works,
};
pub use journal::{Happening, Note, Outcome, Record, Who};
pub use machine::{
    DaemonOf, FormerAgent, Installation, MachineRequest, MachineWord, NameServerKeys, NameServerOf,
    Renewal, UnitFile, UnitsGone,
};
pub use nameserver::{
    Announcement, Change, End, Event, Expiring, NameServerRequest, NameserverRotated, Presence,
    Reached, Snapshot,
};
pub use peer::{BadPeer, ClientId, Peer};

pub use crate::model::Incarnation;
pub use sync::{ReplyToken, SyncFrame, join_sync_topic, sync_subscription, to_sync};
pub use tap::{
    BATCH_HEAD, BadBatch, BadToken, Passed, Rates, SocketRate, Sort, TapRecord, TapRecords,
    TapRequest, TapToken, TappedSocket, Tapping, Way, read_batch, record_len, socket_record,
    whole_records, write_message,
};
pub use typed::{ReadError, read};
