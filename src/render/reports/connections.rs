//! `osb ls connections`, and the end of `osb up`.

use serde::Serialize;

use super::Listed;
use crate::model::{AgentId, AgentInfo, ConnectionInfo, Kind, Proof, SocketId, Target};
use crate::render::json::pretty;
use crate::render::table::{Field, Table};
use crate::render::time::milliseconds;
use crate::render::{Paint, Report, Style};

/// The connections of agents, in the direction in which messages (or requests) travel:
/// `Alice.main → Bob.inbox`.
pub struct Connections(pub Vec<Listed>);

impl Connections {
    /// As `osb ls connections -o json` has them.
    pub(super) fn objects(&self) -> Vec<impl Serialize> {
        self.each()
            .map(|(client, connection, proof)| object(client, connection, proof))
            .collect()
    }

    fn each(&self) -> impl Iterator<Item = (&AgentId, &ConnectionInfo, Proof)> {
        self.0.iter().flat_map(|Listed { id, info, .. }| {
            let connections = info.connections.iter();
            connections.map(move |it| (id, it, proof_now(info, it)))
        })
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
        each.map(|(client, connection, _)| format!("{client}.{}", connection.alias))
            .collect()
    }
}

fn table<'a>(
    style: Style,
    connections: impl Iterator<Item = (&'a AgentId, &'a ConnectionInfo, Proof)>,
) -> String {
    let mut table = Table::new(style, &["CONNECTION", "KINDS", "ADDRESS", "PROOF"]);
    for (client, connection, seen) in connections {
        let wire = Wire::new(client, connection);
        table.row([
            wire.title().into(),
            format!("{}/{}", wire.kinds[0], wire.kinds[1]).into(),
            connection.address.as_str().into(),
            proof(seen),
        ]);
    }
    table.render()
}

/// A connection that was just made. As JSON it is what `ls connections` has in its list.
pub struct Connected {
    pub client: AgentId,
    pub connection: ConnectionInfo,
}

impl Report for Connected {
    fn table(&self, style: Style) -> String {
        let (connection, proof) = (&self.connection, self.connection.proof);
        table(style, std::iter::once((&self.client, connection, proof)))
    }

    fn json(&self) -> String {
        pretty(&object(
            &self.client,
            &self.connection,
            self.connection.proof,
        ))
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
        let server = to.as_ref().map(Target::to_string);
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

/// What the client saw last, unless it has ended: then nobody is there to see that it is lost.
fn proof_now(client: &AgentInfo, connection: &ConnectionInfo) -> Proof {
    match connection.proof {
        Proof::Proven { .. } if client.state.ended() => Proof::Lost,
        proof => proof,
    }
}

fn proof(proof: Proof) -> Field {
    match proof {
        Proof::Proven { us } => Field::painted(format!("proven {}", milliseconds(us)), Paint::Good),
        Proof::Unproven => Field::painted("unproven", Paint::Doubtful),
        Proof::Lost => Field::painted("lost", Paint::Bad),
    }
}

#[derive(Serialize)]
struct Object<'a> {
    from: Option<String>,
    to: Option<String>,
    kinds: [Kind; 2],
    /// The side that connected.
    client: SocketId,
    address: &'a str,
    proof: &'static str,
    proof_ms: Option<f64>,
}

fn object<'a>(client: &AgentId, connection: &'a ConnectionInfo, proof: Proof) -> Object<'a> {
    let (proof, proof_ms) = match proof {
        Proof::Unproven => ("unproven", None),
        Proof::Proven { us } => ("proven", Some(us as f64 / 1000.0)),
        Proof::Lost => ("lost", None),
    };
    let Wire { from, to, kinds } = Wire::new(client, connection);
    Object {
        from,
        to,
        kinds,
        client: SocketId {
            agent: client.clone(),
            alias: connection.alias.clone(),
        },
        address: &connection.address,
        proof,
        proof_ms,
    }
}
