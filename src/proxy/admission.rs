//! How those get in that are started by hand: by a key of their own, by one that an operator on this
//! machine has let in for them, or by a join file, which is exchanged for a key of their own.

use super::{NameServer, ProxyError};
use crate::model::{AgentInfo, AgentName, Credentials, Dial, Holder, HostName, KeyEntry, Term};
use crate::state::{KeyFile, StateDir};
use crate::wire::NameServerRequest;
use crate::zeromq;

/// How an agent dials the name server at `address` that is started by hand, by the key in `file`, if
/// there is one.
pub fn agent_dial(
    address: &str,
    file: Option<KeyFile>,
    agent: &AgentName,
) -> Result<Dial, ProxyError> {
    by_hand(address, file, Holder::Agent(agent.clone()))
}

/// The same of a host daemon.
pub fn host_dial(
    address: &str,
    file: Option<KeyFile>,
    host: &HostName,
) -> Result<Dial, ProxyError> {
    by_hand(address, file, Holder::Host(host.clone()))
}

/// What lets in an agent of one name server at another, for as long as it runs: it is to connect to
/// agents there. None where everybody is let in.
pub fn guest(agent: &AgentInfo) -> Option<NameServerRequest> {
    Some(NameServerRequest::Admit(KeyEntry {
        key: agent.key?,
        holder: Holder::Agent(agent.name.clone()),
        term: Term::Run,
        by: None,
    }))
}

fn by_hand(address: &str, file: Option<KeyFile>, holder: Holder) -> Result<Dial, ProxyError> {
    let Some(file) = file else {
        return Ok(Dial::plain(address));
    };
    let keys = match &file.holder {
        Holder::Operator { .. } => let_in(address, &file, holder)?,
        own if *own != holder => {
            let reason = format!("the key is that of {own}, and this is {holder}");
            return Err(ProxyError::Keys { reason });
        }
        _ if file.expires.is_some() => join(address, &file)?,
        _ => file.credentials(),
    };
    Ok(Dial {
        address: address.to_owned(),
        keys: Some(keys),
    })
}

/// An operator lets in what he starts by hand.
fn let_in(address: &str, file: &KeyFile, holder: Holder) -> Result<Credentials, ProxyError> {
    let server = file.server;
    let own = zeromq::draw_keys()?;
    let nameserver = NameServer::dial(&Dial {
        address: address.to_owned(),
        keys: Some(file.credentials()),
    })?;
    let entry = KeyEntry {
        key: own.public,
        holder,
        term: Term::Run,
        by: None,
    };
    nameserver
        .ask::<()>(&NameServerRequest::Admit(entry))
        .wait()?;
    Ok(Credentials { own, server })
}

/// Exchanges a join file for a key of one's own, once. Later the key is found again.
fn join(address: &str, file: &KeyFile) -> Result<Credentials, ProxyError> {
    let joined = StateDir::from_env()?.joined(&file.own.public);
    if joined.exists() {
        return Ok(KeyFile::read(&joined)?.credentials());
    }
    let nameserver = NameServer::dial(&Dial {
        address: address.to_owned(),
        keys: Some(file.credentials()),
    })?;
    let own = KeyFile {
        own: zeromq::draw_keys()?,
        nameserver: Some(nameserver.link().address().to_owned()),
        expires: None,
        ..file.clone()
    };
    // Before it is of use: a key that is known and then lost could not be had again.
    StateDir::from_env()?.make_joined()?;
    own.write(&joined)?;
    let join = NameServerRequest::Join {
        key: own.own.public,
    };
    match nameserver.ask::<()>(&join).wait() {
        Ok(()) => Ok(own.credentials()),
        Err(error) => {
            let _ = std::fs::remove_file(&joined);
            Err(error)
        }
    }
}
