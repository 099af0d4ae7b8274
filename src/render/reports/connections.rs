//! `osb ls connections`, and the end of `osb up`.

use serde::{Serialize, Serializer};

use crate::model::{AgentInfo, AgentName, ConnectionInfo, Kind, Proof, Target};
use crate::render::json::pretty;
use crate::render::table::{Field, Table};
use crate::render::time::milliseconds;
use crate::render::{Paint, Report, Style};

/// The connections of agents, from the serving side to the client: `Alice.main → Bob.inbox`.
pub struct Connections(pub Vec<AgentInfo>);

impl Connections {
    fn each(&self) -> impl Iterator<Item = (&AgentName, &ConnectionInfo)> {
        self.0.iter().flat_map(|agent| {
            let connections = agent.connections.iter();
            connections.map(move |connection| (&agent.name, connection))
        })
    }
}

impl Report for Connections {
    fn table(&self, style: Style) -> String {
        let mut table = Table::new(style, &["CONNECTION", "KINDS", "ADDRESS", "PROOF"]);
        for (client, connection) in self.each() {
            table.row([
                title(client, connection).into(),
                format!("{}/{}", connection.kind.twin(), connection.kind).into(),
                connection.address.as_str().into(),
                proof(connection.proof),
            ]);
        }
        table.render()
    }

    fn json(&self) -> String {
        pretty(self)
    }

    fn names(&self) -> Vec<String> {
        let each = self.each();
        each.map(|(client, connection)| format!("{client}.{}", connection.alias))
            .collect()
    }
}

impl Serialize for Connections {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.each().map(object))
    }
}

fn title(client: &AgentName, connection: &ConnectionInfo) -> String {
    let server = match &connection.to {
        Some(target) => target.to_string(),
        None => "?".to_owned(),
    };
    format!("{server} → {client}.{}", connection.alias)
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
    from: Option<&'a Target>,
    to: Target,
    kinds: [Kind; 2],
    address: &'a str,
    proof: &'static str,
    proof_ms: Option<f64>,
}

fn object<'a>((client, connection): (&'a AgentName, &'a ConnectionInfo)) -> Object<'a> {
    let (proof, proof_ms) = match connection.proof {
        Proof::Unproven => ("unproven", None),
        Proof::Proven { us } => ("proven", Some(us as f64 / 1000.0)),
        Proof::Lost => ("lost", None),
    };
    Object {
        from: connection.to.as_ref(),
        to: Target {
            agent: client.clone(),
            alias: connection.alias.clone(),
        },
        kinds: [connection.kind.twin(), connection.kind],
        address: &connection.address,
        proof,
        proof_ms,
    }
}
