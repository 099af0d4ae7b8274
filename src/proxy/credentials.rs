//! How those get in that are started by hand: by a key of their own, by one that an operator on this
//! machine has admitted for them, or by a join file, which is exchanged for a key of their own.

use super::{NameServer, ProxyError};
use crate::model::{
    AgentId, AgentInfo, AgentName, Credentials, Dial, Holder, HostId, KeyEntry, NameServerName,
    Term,
};
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
pub fn host_dial(address: &str, file: Option<KeyFile>, host: &HostId) -> Result<Dial, ProxyError> {
    by_hand(address, file, Holder::Host(host.clone()))
}

/// What admits an agent of the name server `nameserver` at another, for as long as it runs: it is to connect to
/// agents there. None where every peer is admitted.
pub fn guest(agent: &AgentInfo, nameserver: &NameServerName) -> Option<NameServerRequest> {
    let holder = Holder::Guest(AgentId {
        name: agent.name.clone(),
        nameserver: Some(nameserver.clone()),
    });
    let entry = KeyEntry::new(agent.key?, holder, Term::Run);
    Some(NameServerRequest::Admit(entry))
}

fn by_hand(address: &str, file: Option<KeyFile>, holder: Holder) -> Result<Dial, ProxyError> {
    let Some(file) = file else {
        return Ok(Dial::plain(address));
    };
    let keys = match &file.holder {
        Holder::Operator { .. } => admit(address, &file, holder)?,
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

/// An operator's key admits the agents that the operator starts by hand.
fn admit(address: &str, file: &KeyFile, holder: Holder) -> Result<Credentials, ProxyError> {
    let server = file.server;
    let own = zeromq::draw_keys()?;
    let nameserver = NameServer::dial(&Dial {
        address: address.to_owned(),
        keys: Some(file.credentials()),
    })?;
    let entry = KeyEntry::new(own.public, holder, Term::Run);
    nameserver
        .ask::<()>(&NameServerRequest::Admit(entry))
        .wait()?;
    // The name server's key is written down where it was read.
    let file = file.path.clone();
    Ok(Credentials { own, server, file })
}

/// Exchanges a join file for a new key, once. Later the key is found again.
fn join(address: &str, file: &KeyFile) -> Result<Credentials, ProxyError> {
    let state = StateDir::from_env()?;
    let path = state.joined(&file.own.public);
    let dial = |keys| {
        NameServer::dial(&Dial {
            address: address.to_owned(),
            keys: Some(keys),
        })
    };
    let is_unknown = |own: &KeyFile| {
        let pinged = dial(own.credentials()).and_then(|nameserver| nameserver.ping().map(drop));
        matches!(pinged, Err(ProxyError::NotLetIn { .. }))
    };
    let own = match path.exists() {
        true => {
            let own = KeyFile::read(&path)?;
            if !is_unknown(&own) {
                return Ok(own.credentials());
            }
            own
        }
        false => {
            let nameserver = dial(file.credentials())?;
            let own = KeyFile {
                own: zeromq::draw_keys()?,
                nameserver: Some(nameserver.link().address().to_owned()),
                expires: None,
                path: Some(path.clone()),
                ..file.clone()
            };
            // Before it is of use: a key that is known and then lost could not be got again.
            state.make_joined()?;
            own.or_first_at(&path)?
        }
    };
    let key = own.own.public;
    let joined = dial(file.credentials()).and_then(|nameserver| {
        nameserver
            .ask::<()>(&NameServerRequest::Join { key })
            .wait()
    });
    match joined {
        Ok(()) => Ok(own.credentials()),
        // Whether it is known all the same, because another was faster with it, or the answer was
        // lost, is the name server's to say. If that cannot be asked, the key is asked for later.
        Err(error)
            if matches!(
                error,
                ProxyError::NotLetIn { .. } | ProxyError::Fault(_) | ProxyError::Closed
            ) =>
        {
            if !is_unknown(&own) {
                return Ok(own.credentials());
            }
            let _ = std::fs::remove_file(&path);
            Err(error)
        }
        Err(error) => Err(error),
    }
}
