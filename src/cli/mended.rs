//! What `osb up` says of a system of which not all could be brought back, and what is to be done then.

use super::{CommandError, ErrorKind};
use crate::model::{AgentId, Security};
use crate::up::{LostHost, UpReport, seen_from_afar};

/// None if all is there.
pub(crate) fn not_all_back(report: &UpReport) -> Option<CommandError> {
    let missing = &report.out_of_reach;
    if missing.is_empty() {
        return None;
    }
    let hosts = missing.hosts.iter().map(|host| match &host.cause {
        Some(error) => format!("host {}: {error}", host.host),
        None => format!("the daemon of {} is not there", host.host),
    });
    let agents = match &missing.agents[..] {
        [] => None,
        [one] => Some(format!("{one} is out of reach")),
        several => Some(format!("{} are out of reach", list(several))),
    };
    let what: Vec<String> = hosts.chain(agents).collect();
    let sentence = format!(
        "not all of {} is back: {}",
        report.plan.system,
        what.join("; ")
    );
    let error = CommandError::say(ErrorKind::Failed, sentence).with_code("out_of_reach");
    let of_hosts = missing.hosts.iter();
    let hints = of_hosts.map(|host| remedy(host, report));
    let silent = missing.agents.iter().any(|agent| {
        let lost = |host: &LostHost| host.agents.contains(agent);
        !missing.hosts.iter().any(lost)
    });
    let silent = silent.then(|| {
        "what may live is left alone: `osb ls agents` shows it; end what hangs, and `osb up` again"
            .to_owned()
    });
    Some(error.with_hints(hints.chain(silent)))
}

fn remedy(host: &LostHost, report: &UpReport) -> String {
    let name = &host.host;
    if let Some(error) = &host.cause {
        return format!("{name}: {}", error.remedy());
    }
    let mut nameservers = report.nameservers.iter();
    let address = nameservers.find(|it| it.0 == host.nameserver);
    let address = address.map(|it| seen_from_afar(&report.plan, &it.1));
    let address = address.as_deref();
    let at = address.map_or("IP:PORT", |it| it.trim_start_matches("tcp://"));
    let start = format!("osb host --ns {at} --name {name}");
    match report.plan.security {
        Security::None => format!(
            "{name} is started by others: on its machine, `{start}`, or by the engine that runs it there; then `osb up` again"
        ),
        Security::Curve => format!(
            "{name} is started by others: on its machine, `{start} --join {name}.join` (with the file that it had; `osb keys join host {name}` makes one), or by the engine that runs it there; then `osb up` again"
        ),
    }
}

fn list(agents: &[AgentId]) -> String {
    let names: Vec<String> = agents.iter().map(ToString::to_string).collect();
    names.join(", ")
}
