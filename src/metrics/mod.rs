//! What is known of a system as a page for Prometheus, in its text format
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>): names and units by its conventions, series in the same order
//! each time. Pure: what there is to know comes in.

mod known;
mod text;

pub use known::{AgentSeen, Known, NameServerSeen};
use text::{Metric, Page, Type};

use crate::model::{Alias, ConnectionInfo, Proof, SocketId, SocketStats, State};

/// Every metric: its name, its type, and what it says. specs/observing.md has the same table.
pub const METRICS: &[Metric] = &[
    Metric::new(
        "osb_scrape_age_seconds",
        Type::Gauge,
        "How long ago the values of this page were asked for",
    ),
    Metric::new(
        "osb_nameserver_up",
        Type::Gauge,
        "Whether a name server answers",
    ),
    Metric::new(
        "osb_host_up",
        Type::Gauge,
        "Whether a host daemon is running",
    ),
    Metric::new(
        "osb_host_agents",
        Type::Gauge,
        "How many agents a host daemon has running",
    ),
    Metric::new(
        "osb_host_start_time_seconds",
        Type::Gauge,
        "When a host daemon was started, in seconds since 1970",
    ),
    Metric::new(
        "osb_agent_up",
        Type::Gauge,
        "Whether an agent is running and well",
    ),
    Metric::new(
        "osb_agent_state",
        Type::Gauge,
        "1 for the state that an agent is in",
    ),
    Metric::new(
        "osb_agent_restarts_total",
        Type::Counter,
        "How often an agent was started again",
    ),
    Metric::new(
        "osb_agent_start_time_seconds",
        Type::Gauge,
        "When the process of an agent was started, in seconds since 1970",
    ),
    Metric::new(
        "osb_agent_answered",
        Type::Gauge,
        "Whether an agent has told of its sockets: without that their series are left out",
    ),
    Metric::new(
        "osb_agent_garbage_lines_total",
        Type::Counter,
        "Lines of an agent's program that were none of the protocol's",
    ),
    Metric::new(
        "osb_agent_skipped_ticks_total",
        Type::Counter,
        "Ticks of an agent's timers that came to nothing",
    ),
    Metric::new(
        "osb_socket_received_messages_total",
        Type::Counter,
        "Messages that have arrived at a socket",
    ),
    Metric::new(
        "osb_socket_sent_messages_total",
        Type::Counter,
        "Messages that have left by a socket",
    ),
    Metric::new(
        "osb_socket_dropped_messages_total",
        Type::Counter,
        "Messages that are lost",
    ),
    Metric::new(
        "osb_socket_garbled_messages_total",
        Type::Counter,
        "Messages that could not be read",
    ),
    Metric::new(
        "osb_socket_waiting_messages",
        Type::Gauge,
        "Messages that wait to leave",
    ),
    Metric::new(
        "osb_socket_unconfirmed_messages",
        Type::Gauge,
        "Messages given to connections that have ended, which nobody has confirmed",
    ),
    Metric::new(
        "osb_wire_up",
        Type::Gauge,
        "Whether a wire is proven, by the sockets at its ends: the one that connects first",
    ),
    Metric::new(
        "osb_wire_proofs_total",
        Type::Counter,
        "How often a wire was proven: more than once where it was lost, and has come back",
    ),
];

/// The page.
pub fn page(known: &Known) -> String {
    let mut page = Page::new(METRICS);
    page.add("osb_scrape_age_seconds", &[], known.age.as_secs_f64());
    for it in &known.nameservers {
        page.add(
            "osb_nameserver_up",
            &[("nameserver", it.name.as_str())],
            flag(it.is_up),
        );
    }
    for host in &known.hosts {
        let labels = [("host", host.name.as_str())];
        page.add("osb_host_up", &labels, flag(host.state == State::Running));
        page.add("osb_host_agents", &labels, count(host.agents as u64));
        page.add(
            "osb_host_start_time_seconds",
            &labels,
            began(known.at, host.uptime_s),
        );
    }
    for agent in &known.agents {
        add_agent(&mut page, agent, known.at);
    }
    page.text()
}

fn add_agent(page: &mut Page, agent: &AgentSeen, at: f64) {
    let (name, info) = (agent.id.to_string(), &agent.info);
    let host = info.host.as_ref().map_or("", |it| it.as_str());
    let of_agent = [("agent", name.as_str()), ("host", host)];
    page.add(
        "osb_agent_up",
        &of_agent,
        flag(info.state == State::Running),
    );
    let state = [of_agent[0], of_agent[1], ("state", info.state.as_str())];
    page.add("osb_agent_state", &state, 1.0);
    page.add(
        "osb_agent_restarts_total",
        &of_agent,
        count(info.restarts.into()),
    );
    if !info.state.ended() {
        page.add(
            "osb_agent_start_time_seconds",
            &of_agent,
            began(at, info.uptime_s),
        );
        page.add(
            "osb_agent_answered",
            &of_agent,
            flag(agent.status.is_some()),
        );
    }
    for connection in &info.connections {
        add_wire(page, &name, connection);
    }
    let Some(status) = &agent.status else {
        return;
    };
    page.add(
        "osb_agent_garbage_lines_total",
        &of_agent,
        count(status.garbage_lines),
    );
    page.add(
        "osb_agent_skipped_ticks_total",
        &of_agent,
        count(status.skipped_ticks),
    );
    for (alias, stats) in &status.sockets {
        add_socket(page, (&name, alias), agent, stats);
    }
}

fn add_socket(
    page: &mut Page,
    (name, alias): (&str, &Alias),
    agent: &AgentSeen,
    stats: &SocketStats,
) {
    let kind = agent
        .info
        .addresses
        .get(alias)
        .map(|it| it.kind.to_string());
    let kind = kind.unwrap_or_default();
    let labels = [
        ("agent", name),
        ("alias", alias.as_str()),
        ("kind", kind.as_str()),
    ];
    for (metric, value) in [
        ("osb_socket_received_messages_total", stats.received),
        ("osb_socket_sent_messages_total", stats.sent),
        ("osb_socket_dropped_messages_total", stats.dropped),
        ("osb_socket_garbled_messages_total", stats.garbled),
        ("osb_socket_waiting_messages", stats.waiting),
        ("osb_socket_unconfirmed_messages", stats.unconfirmed),
    ] {
        page.add(metric, &labels, count(value));
    }
}

fn add_wire(page: &mut Page, name: &str, connection: &ConnectionInfo) {
    let client = format!("{name}.{}", connection.alias);
    let to = connection.to.as_ref().map(SocketId::to_string);
    let server = to
        .or_else(|| connection.address.clone())
        .unwrap_or_default();
    let labels = [("client", client.as_str()), ("server", server.as_str())];
    let is_up = matches!(connection.proof, Proof::Proven { .. });
    page.add("osb_wire_up", &labels, flag(is_up));
    page.add(
        "osb_wire_proofs_total",
        &labels,
        count(connection.times.into()),
    );
}

fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

/// Exact to 2^53.
#[allow(
    clippy::cast_precision_loss,
    reason = "Prometheus has no other numbers"
)]
fn count(number: u64) -> f64 {
    number as f64
}

/// To the second: the clock that it is counted back from is read anew each time.
fn began(at: f64, uptime_s: f64) -> f64 {
    (at - uptime_s).round()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use serde_json::json;

    fn agent(name: &str, state: &str) -> AgentSeen {
        let info = json!({"name": name, "host": "lab1", "nameserver": "tcp://10.0.0.1:7400", "state": state, "pid": 7, "uptime_s": 9.4,
            "restarts": 2, "addresses": {"in": {"kind": "PULL", "role": "client", "transport": "tcp", "address": "tcp://10.0.0.1:5",
            "serializer": "json"}}, "connections": [{"alias": "in", "kind": "PULL", "to": "Alice.out", "address": "tcp://10.0.0.1:5",
            "proof": {"proven": {"us": 5}}, "times": 3}]});
        let status = json!({"state": "running", "sockets": {"in": {"received": 5, "sent": 0, "dropped": 1, "waiting": 0, "garbled": 2}},
            "garbage_lines": 4, "skipped_ticks": 0});
        AgentSeen {
            id: name.parse().unwrap(),
            info: serde_json::from_value(info).unwrap(),
            status: (state == "running").then(|| serde_json::from_value(status).unwrap()),
        }
    }

    fn known(agents: Vec<AgentSeen>) -> Known {
        let host = json!({"name": "lab1", "state": "running", "pid": 1, "version": "0", "uptime_s": 100.0, "agents": 2});
        Known {
            age: Duration::from_millis(250),
            at: 1_795_816_500.0,
            nameservers: vec![NameServerSeen {
                name: NameServerName::only(),
                is_up: true,
            }],
            hosts: vec![serde_json::from_value(host).unwrap()],
            agents,
        }
    }

    use crate::model::NameServerName;

    #[test]
    fn the_page_says_what_is_known_and_no_more() {
        insta::assert_snapshot!(page(&known(vec![
            agent("Alice", "running"),
            agent("Bob", "failed")
        ])));
    }

    /// Every metric stands in specs/observing.md, and no other does.
    #[test]
    fn the_specification_has_these_metrics() {
        let spec = include_str!("../../specs/observing.md").lines();
        let rows: Vec<&str> = spec.filter(|it| it.starts_with("| `osb_")).collect();
        let here: Vec<String> = METRICS.iter().map(Metric::row).collect();
        assert_eq!(rows, here);
    }

    #[test]
    fn a_page_of_very_many_agents_has_a_line_for_each() {
        let agents = (0..1000).map(|n| agent(&format!("W{n}"), "running"));
        let page = page(&known(agents.collect()));
        assert_eq!(page.matches("osb_agent_up{").count(), 1000);
        assert_eq!(page.matches("# TYPE").count(), METRICS.len());
    }
}
