//! The section `defaults`, and what an agent says otherwise.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::draft::Defaults;
use super::fields::Fields;
use super::keys;
use super::review::Review;
use super::surroundings::Surroundings;
use super::{env_file, health, logs, restart, sync, values};
use crate::model::timing::{SETTLE_TIME, START_TIMEOUT};
use crate::model::{LogLimits, Restart, Serializer, Transport};

/// The defaults of a system whose sockets are bound to `ip`.
pub(super) fn read(
    top: &Fields<'_>,
    ip: IpAddr,
    around: &Surroundings<'_>,
    review: &mut Review,
) -> Defaults {
    let fallback = Defaults {
        transport: Transport::Tcp,
        serializer: Serializer::Json,
        start_timeout: START_TIMEOUT,
        settle: SETTLE_TIME,
        stop_timeout: None,
        ip,
        sync: None,
        env: BTreeMap::new(),
        logs: LogLimits::default(),
        restart: Restart::default(),
        on_failed: None,
        health: None,
    };
    let section = top
        .get("defaults")
        .and_then(|node| Fields::open(node, "defaults", &keys::DEFAULTS, review));
    match section {
        Some(section) => overlaid(&fallback, &section, around, review),
        None => fallback,
    }
}

/// The defaults, with what a section says otherwise.
pub(super) fn overlaid(
    outer: &Defaults,
    section: &Fields<'_>,
    around: &Surroundings<'_>,
    review: &mut Review,
) -> Defaults {
    let transport = section.get("transport");
    let serializer = section.get("serializer");
    let sync = section.get("sync");
    let env = section.get("env_file");
    let start_timeout = section.get("start_timeout");
    let settle = section.get("settle");
    let stop_timeout = section.get("stop_timeout");
    let logs = section.get("logs");
    let restart = section.get("restart");
    let on_failed = section.get("on_failed");
    let health = section.get("health");
    Defaults {
        transport: transport
            .and_then(|node| values::transport(node, review))
            .unwrap_or(outer.transport),
        serializer: serializer
            .and_then(|node| values::serializer(node, review))
            .unwrap_or(outer.serializer),
        start_timeout: start_timeout
            .and_then(|node| review.take(values::some_time(node, "start_timeout")))
            .unwrap_or(outer.start_timeout),
        settle: settle
            .and_then(|node| review.take(values::duration(node, "settle")))
            .unwrap_or(outer.settle),
        stop_timeout: stop_timeout
            .and_then(|node| review.take(values::duration(node, "stop_timeout")))
            .or(outer.stop_timeout),
        ip: outer.ip,
        sync: sync
            .and_then(|node| sync::read(node, around.source, review))
            .or_else(|| outer.sync.clone()),
        env: env.map_or_else(
            || outer.env.clone(),
            |node| env_file::read(node, around, review),
        ),
        logs: logs.map_or(outer.logs, |node| logs::overlaid(outer.logs, node, review)),
        restart: restart.map_or(outer.restart, |node| {
            restart::overlaid(outer.restart, node, review)
        }),
        on_failed: on_failed.map_or_else(
            || outer.on_failed.clone(),
            |node| restart::on_failed(node, around.source, review),
        ),
        health: match health {
            Some(node) => health::overlaid(outer.health.as_ref(), node, review),
            None => outer.health.clone(),
        },
    }
}
