//! A machine to which there is no other way than the daemon that others have started there.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::answers::{Answer, Others};
use super::questions::Place;
use super::{Looked, Way};
use crate::model::timing::{EXAMINATION_TIMEOUT, EXAMINE_TIMEOUT};
use crate::model::{Dial, HostId, HostInfo, State};
use crate::proxy::{Link, ProxyError};
use crate::state::find_key;
use crate::wire::{Dialled, Examined, HostRequest, NameServerRequest, Peer, Target};

/// The way to it.
pub(crate) struct Daemon {
    link: Link,
    host: HostId,
    /// Of the examination for which it listens.
    token: String,
}

/// Sees whether it is registered at all its name servers, and has it examine its machine.
pub(super) async fn look_at(place: &Place, token: String, key: Option<&Path>) -> Looked {
    let (info, link) = match registered(place, key).await {
        Ok(there) => there,
        Err(others) => return (Answer::Others(others), None),
    };
    let host = HostId::shared(&place.host.name);
    let daemon = Daemon { link, host, token };
    let examined = match info.state {
        State::Running => daemon.examine(place).await,
        state => Err(format!("its daemon is {state}")),
    };
    let answer = Answer::Others(Others::There {
        info,
        token: daemon.token.clone(),
        examined: examined.clone(),
    });
    (answer, examined.ok().map(|_| Way::Daemon(daemon)))
}

/// By which name server it is asked: the last one.
async fn registered(place: &Place, key: Option<&Path>) -> Result<(HostInfo, Link), Others> {
    let mut seen = None;
    for (name, at) in &place.registers_at {
        let at = at.ok_or_else(|| Others::NotYet(name.clone()))?;
        let asked = hosts_at(at, key).await;
        let (hosts, link) = asked.map_err(|error| Others::Unknown(error.to_string()))?;
        let info = hosts
            .into_iter()
            .find(|it| it.id() == HostId::shared(&place.host.name));
        seen = Some((info.ok_or(Others::Absent(at))?, link));
    }
    seen.ok_or_else(|| Others::Unknown("no agent is to run there".to_owned()))
}

async fn hosts_at(
    nameserver: SocketAddr,
    key: Option<&Path>,
) -> Result<(Vec<HostInfo>, Link), ProxyError> {
    let address = format!("tcp://{nameserver}");
    let key = find_key(&address, key)?;
    let (link, _no_requests) = Link::open(&Dial {
        address,
        keys: key.map(|key| key.credentials()),
    })?;
    let hosts = NameServerRequest::Hosts {};
    let hosts = link.ask(Peer::NameServer, &hosts, EXAMINE_TIMEOUT).await?;
    Ok((hosts, link))
}

impl Daemon {
    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        request: &HostRequest,
        limit: Duration,
    ) -> Result<T, String> {
        let peer = Peer::Host(self.host.clone());
        let answer = self.link.ask(peer, request, limit).await;
        answer.map_err(|error| error.to_string())
    }

    async fn examine(&self, place: &Place) -> Result<Examined, String> {
        let request = HostRequest::Examine(place.examination(self.token.clone()));
        self.ask(&request, EXAMINE_TIMEOUT).await
    }

    pub(super) async fn dial(&self, targets: Vec<Target>) -> Result<Vec<Dialled>, String> {
        self.ask(&HostRequest::Dial { targets }, EXAMINATION_TIMEOUT)
            .await
    }

    /// Waits until nothing of the examination is left there.
    pub(super) async fn end(self) {
        // If it is not reached, it ends by itself after a while.
        let _: Result<(), String> = self.ask(&self.over(), EXAMINE_TIMEOUT).await;
    }

    fn over(&self) -> HostRequest {
        let token = self.token.clone();
        HostRequest::EndExamination { token }
    }
}

/// Interrupted or not: it does not notice by itself that `doctor` has ended.
impl Drop for Daemon {
    fn drop(&mut self) {
        self.link.tell(Peer::Host(self.host.clone()), &self.over());
    }
}
