//! `osb addr` and `osb ls addresses`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Listed;
use crate::model::{Address, AgentId, Alias};
use crate::render::json::pretty;
use crate::render::table::Table;
use crate::render::table::Width::{Needed, Spare};
use crate::render::{Report, Style};

/// One address: bare, so that it can be put into another command.
pub struct BareAddress(pub Address);

impl Report for BareAddress {
    fn table(&self, _style: Style) -> String {
        self.0.address.clone()
    }

    fn json(&self) -> String {
        pretty(&self.0)
    }

    fn names(&self) -> Vec<String> {
        vec![self.0.address.clone()]
    }
}

/// All addresses of one agent. As JSON a map, alias → address; the names are the aliases.
pub struct AddressesOfAgent(pub BTreeMap<Alias, Address>);

impl Report for AddressesOfAgent {
    fn table(&self, style: Style) -> String {
        let rows = self.0.iter();
        table(
            style,
            "ALIAS",
            rows.map(|(alias, it)| (alias.to_string(), it)),
        )
    }

    fn json(&self) -> String {
        pretty(&self.0)
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().map(Alias::to_string).collect()
    }
}

/// All addresses of several agents. As JSON a list of addresses with their `agent` and `alias`; the
/// names are `Alice.main`.
pub struct Addresses(pub Vec<Listed>);

impl Addresses {
    fn each(&self) -> impl Iterator<Item = Object<'_>> {
        self.0.iter().flat_map(|Listed { id, info, .. }| {
            let addresses = info.addresses.iter();
            addresses.map(move |(alias, address)| Object {
                agent: id,
                alias,
                address,
            })
        })
    }
}

impl Report for Addresses {
    fn table(&self, style: Style) -> String {
        let rows = self.each();
        table(style, "SOCKET", rows.map(|it| (it.name(), it.address)))
    }

    fn json(&self) -> String {
        pretty(&self.each().collect::<Vec<_>>())
    }

    fn names(&self) -> Vec<String> {
        self.each().map(|one| one.name()).collect()
    }
}

fn table<'a>(
    style: Style,
    title: &str,
    rows: impl Iterator<Item = (String, &'a Address)>,
) -> String {
    Table::new(style)
        .column(title, Needed, |it: &(String, &Address)| it.0.clone())
        .column("KIND", Needed, |it| it.1.kind)
        .column("ROLE", Spare(2), |it| it.1.role)
        .column("SERIALIZER", Spare(1), |it| it.1.serializer)
        .column("ADDRESS", Needed, |it| it.1.address.clone())
        .render(rows)
}

#[derive(Serialize)]
struct Object<'a> {
    agent: &'a AgentId,
    alias: &'a Alias,
    #[serde(flatten)]
    address: &'a Address,
}

impl Object<'_> {
    fn name(&self) -> String {
        format!("{}.{}", self.agent, self.alias)
    }
}
