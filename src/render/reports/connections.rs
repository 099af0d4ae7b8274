//! `osb ls connections`, and the end of `osb up`.

use serde::Serialize;

use super::Listed;
use crate::model::{AgentId, AgentInfo, ConnectionInfo, End, Kind, Proof, SocketId};
use crate::render::json::pretty;
use crate::render::table::Width::{Needed, Spare};
use crate::render::table::{Field, Table};
use crate::render::time::milliseconds;
use crate::render::{Paint, Report, Style, uptime};

/// The connections of agents, in the direction in which messages (or requests) travel:
/// `Alice.main → Bob.inbox`.
pub struct Connections(pub Vec<Listed>);

impl Connections {
    /// As `osb ls connections -o json` has them.
    pub(super) fn objects(&self) -> Vec<impl Serialize> {
        self.each()
            .map(|(client, connection)| Object::new(client, connection))
            .collect()
    }

    fn each(&self) -> impl Iterator<Item = (&AgentId, ConnectionInfo)> {
        self.0.iter().flat_map(move |Listed { id, info, .. }| {
            let connections = info.connections.iter().cloned();
            connections.map(move |it| {
                let server = it.to.as_ref().and_then(|to| self.elsewhere(to));
                (id, it.seen_with(as_end(info), server))
            })
        })
    }

    /// How an agent stands that another name server knows than the one that told of the connection.
    fn elsewhere(&self, to: &SocketId) -> Option<End> {
        let group = to.agent.nameserver.as_ref()?;
        let is = |it: &&Listed| it.group.as_ref() == Some(group) && it.info.name == to.agent.name;
        self.0.iter().find(is).map(|it| as_end(&it.info))
    }
}

impl Report for Connections {
    fn table(&self, style: Style) -> String {
        table(style, self.each())
    }

    fn json(&self) -> String {
        pretty(&self.objects())
    }

    fn names(&self) -> Vec<String> {
        let each = self.each();
        each.map(|(client, connection)| format!("{client}.{}", connection.alias))
            .collect()
    }
}

fn table<'a>(
    style: Style,
    connections: impl Iterator<Item = (&'a AgentId, ConnectionInfo)>,
) -> String {
    let connections = connections.map(|(client, connection)| {
        let wire = Wire::new(client, &connection);
        (wire, connection)
    });
    Table::new(style)
        .column(
            "CONNECTION",
            Needed,
            |(wire, _): &(Wire, ConnectionInfo)| wire.title(),
        )
        .column("KINDS", Spare(1), |(wire, _)| {
            format!("{}/{}", wire.kinds[0], wire.kinds[1])
        })
        .column("ADDRESS", Needed, |(_, connection)| {
            connection.address.as_deref().unwrap_or("-").to_owned()
        })
        .column("PROOF", Needed, |(_, connection)| proof(connection))
        .render(connections)
}

/// A connection that was just made. As JSON it is what `ls connections` has in its list.
pub struct Connected {
    pub client: AgentId,
    pub connection: ConnectionInfo,
}

impl Report for Connected {
    fn table(&self, style: Style) -> String {
        let connection = self.connection.clone();
        table(style, std::iter::once((&self.client, connection)))
    }

    fn json(&self) -> String {
        pretty(&Object::new(&self.client, self.connection.clone()))
    }

    fn names(&self) -> Vec<String> {
        vec![format!("{}.{}", self.client, self.connection.alias)]
    }
}

/// A connection from the side that sends, or asks, to the other one. The server's name is not known
/// if the address was given by hand.
struct Wire {
    from: Option<String>,
    to: Option<String>,
    kinds: [Kind; 2],
}

impl Wire {
    fn new(client: &AgentId, connection: &ConnectionInfo) -> Self {
        let ConnectionInfo {
            alias, kind, to, ..
        } = connection;
        let server = to.as_ref().map(SocketId::to_string);
        let client = Some(format!("{client}.{alias}"));
        match kind.comes_first() {
            true => Self {
                from: client,
                to: server,
                kinds: [*kind, kind.twin()],
            },
            false => Self {
                from: server,
                to: client,
                kinds: [kind.twin(), *kind],
            },
        }
    }

    fn title(&self) -> String {
        let name = |side: &Option<String>| side.clone().unwrap_or_else(|| "?".to_owned());
        format!("{} → {}", name(&self.from), name(&self.to))
    }
}

fn as_end(agent: &AgentInfo) -> End {
    End {
        state: agent.state,
        ms: agent.state_ms,
    }
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

/// What is wrong, and for how long it has been.
fn proof(connection: &ConnectionInfo) -> Field {
    let since = |what: &str| format!("{what}, for {}", uptime(seconds(connection.proof_ms)));
    match connection.proof {
        Proof::Proven { us } => Field::painted(
            format!("proven {}{}", milliseconds(us), again(connection.times)),
            Paint::Good,
        ),
        Proof::Resolving => Field::painted(since("resolving"), Paint::Doubtful),
        Proof::Connecting => Field::painted(since("connecting"), Paint::Doubtful),
        Proof::Suspect => Field::painted(since("suspect"), Paint::Doubtful),
        Proof::Refused => Field::painted(since("refused"), Paint::Bad),
        Proof::Lost => Field::painted(since("lost"), Paint::Bad),
        Proof::Unreachable => Field::painted(since("unreachable"), Paint::Bad),
    }
}

/// That it was lost, and has come back.
fn again(times: u32) -> String {
    match times {
        0 | 1 => String::new(),
        more => format!(", {more} times"),
    }
}

#[derive(Serialize)]
struct Object {
    from: Option<String>,
    to: Option<String>,
    kinds: [Kind; 2],
    /// The side that connected.
    client: SocketId,
    address: Option<String>,
    proof: &'static str,
    proof_ms: Option<f64>,
    /// For how long the proof has been what it is.
    since_s: f64,
    /// How often it has been proven.
    times: u32,
}

impl Object {
    fn new(client: &AgentId, connection: ConnectionInfo) -> Self {
        let (proof, proof_ms) = match connection.proof {
            Proof::Resolving => ("resolving", None),
            Proof::Connecting => ("connecting", None),
            Proof::Proven { us } => ("proven", Some(us as f64 / 1000.0)),
            Proof::Refused => ("refused", None),
            Proof::Lost => ("lost", None),
            Proof::Suspect => ("suspect", None),
            Proof::Unreachable => ("unreachable", None),
        };
        let Wire { from, to, kinds } = Wire::new(client, &connection);
        Self {
            from,
            to,
            kinds,
            client: SocketId {
                agent: client.clone(),
                alias: connection.alias,
            },
            address: connection.address,
            proof,
            proof_ms,
            since_s: seconds(connection.proof_ms),
            times: connection.times,
        }
    }
}
