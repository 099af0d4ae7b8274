//! `osb addr` and `osb ls addresses`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::model::{Address, AgentInfo, AgentName, Alias};
use crate::render::json::value;
use crate::render::table::Table;
use crate::render::{Report, Style};

/// One address: bare, so that it can be put into another command.
pub struct BareAddress(pub Address);

impl Report for BareAddress {
    fn table(&self, _style: Style) -> String {
        self.0.address.clone()
    }

    fn json(&self) -> Value {
        value(&self.0)
    }

    fn names(&self) -> Vec<String> {
        vec![self.0.address.clone()]
    }
}

/// All addresses of an agent or of several.
pub enum AddressTable {
    /// As JSON a map, alias → address; the names are the aliases.
    OfAgent(BTreeMap<Alias, Address>),
    /// As JSON a list of addresses with their `agent` and `alias`; the names are `Alice.main`.
    OfAll(Vec<AgentInfo>),
}

impl AddressTable {
    fn each(&self) -> Vec<(Option<&AgentName>, &Alias, &Address)> {
        match self {
            AddressTable::OfAgent(addresses) => addresses
                .iter()
                .map(|(alias, address)| (None, alias, address))
                .collect(),
            AddressTable::OfAll(agents) => agents.iter().flat_map(of_one).collect(),
        }
    }
}

impl Report for AddressTable {
    fn table(&self, style: Style) -> String {
        let header: &[&str] = match self {
            AddressTable::OfAgent(_) => &["ALIAS", "KIND", "ROLE", "SERIALIZER", "ADDRESS"],
            AddressTable::OfAll(_) => &["SOCKET", "KIND", "ROLE", "SERIALIZER", "ADDRESS"],
        };
        let mut table = Table::new(style, header);
        for (agent, alias, address) in self.each() {
            table.row([
                named(agent, alias).into(),
                address.kind.into(),
                address.role.into(),
                address.serializer.into(),
                address.address.as_str().into(),
            ]);
        }
        table.render()
    }

    fn json(&self) -> Value {
        match self {
            AddressTable::OfAgent(addresses) => value(addresses),
            AddressTable::OfAll(_) => self.each().into_iter().map(object).collect(),
        }
    }

    fn names(&self) -> Vec<String> {
        let each = self.each().into_iter();
        each.map(|(agent, alias, _)| named(agent, alias)).collect()
    }
}

fn of_one(agent: &AgentInfo) -> impl Iterator<Item = (Option<&AgentName>, &Alias, &Address)> {
    let addresses = agent.addresses.iter();
    addresses.map(|(alias, address)| (Some(&agent.name), alias, address))
}

fn named(agent: Option<&AgentName>, alias: &Alias) -> String {
    match agent {
        Some(agent) => format!("{agent}.{alias}"),
        None => alias.to_string(),
    }
}

fn object((agent, alias, address): (Option<&AgentName>, &Alias, &Address)) -> Value {
    json!({
        "agent": agent,
        "alias": alias,
        "kind": address.kind,
        "role": address.role,
        "transport": address.transport,
        "address": address.address,
        "serializer": address.serializer,
    })
}
