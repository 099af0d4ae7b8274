//! Another key for this daemon, when the name server says so: it is written to its file before it is used, and the
//! former one is good until the daemon has come by the new one.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::{Host, Input};
use crate::model::timing::CONTROL_TIMEOUT;
use crate::model::{KeyPair, harmless};
use crate::proxy::{Link, ProxyError};
use crate::state::{KeyFile, StateError};
use crate::wire::{NameServerRequest, Peer};
use crate::zeromq::draw_keys;

/// Why there is no other key.
#[derive(Debug, thiserror::Error)]
enum RenewalError {
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    #[error(transparent)]
    Keys(#[from] StateError),
    #[error("ZeroMQ cannot draw keys: {0}")]
    Draw(#[from] zmq::Error),
}

impl Host {
    pub(super) fn on_renew(&mut self) {
        let own = match draw_keys() {
            Ok(own) => own,
            Err(error) => return complain(&error.into()),
        };
        let renew = NameServerRequest::Renew { key: own.public };
        let asked = self
            .link
            .ask::<()>(Peer::NameServer, &renew, CONTROL_TIMEOUT);
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            match asked.await {
                Ok(()) => drop(inputs.send(Input::Renewed(Box::new(own)))),
                Err(error) => complain(&error.into()),
            }
        });
    }

    /// Both keys are good now.
    pub(super) fn on_renewed(&mut self, own: KeyPair) {
        if let Err(error) = self.move_over(own) {
            complain(&error);
        }
    }

    fn move_over(&mut self, own: KeyPair) -> Result<(), RenewalError> {
        let mut dial = self.options.dial.clone();
        let Some(keys) = &mut dial.keys else {
            return Ok(());
        };
        keys.own = own;
        keys.server = self.link.server_key().unwrap_or(keys.server);
        if let Some(path) = &self.options.key_file {
            replace(path, &keys.own)?;
        }
        let (link, incoming) = Link::open_unprobed(&dial)?;
        self.options.dial = dial;
        let former = std::mem::replace(&mut self.link, Arc::new(link));
        self.fresh = Some(incoming);
        // What is on its way by it may leave.
        std::thread::spawn(move || drop(former));
        self.announce_again();
        Ok(())
    }
}

/// The file has the former pair or the new one, whole.
fn replace(path: &Path, own: &KeyPair) -> Result<(), StateError> {
    let file = KeyFile {
        own: own.clone(),
        ..KeyFile::read(path)?
    };
    file.write(path)
}

fn complain(error: &RenewalError) {
    let error = error.to_string();
    let _ = writeln!(
        std::io::stderr(),
        "error: no other key: {}; the former one stays",
        harmless(&error)
    );
}
