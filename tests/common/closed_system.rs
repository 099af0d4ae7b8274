//! A closed system for a test to attack, and keys of all sorts.

use osb::model::{Credentials, Dial, Holder, KeyEntry, Term};
use osb::proxy::NameServer;
use osb::state::KeyDir;
use osb::wire::NameServerRequest;
use osb::zeromq::draw_keys;

use crate::common::Bench;

pub(crate) struct ClosedSystem {
    pub bench: Bench,
    pub address: String,
    pub owner: Credentials,
}

impl ClosedSystem {
    pub(crate) fn up(topology: &str) -> Self {
        let bench = Bench::new();
        let up = bench.up(topology);
        assert_eq!(up.code, 0, "{up}");
        Self::of(bench)
    }

    /// The only system of that bench, which is up.
    pub(crate) fn of(bench: Bench) -> Self {
        let systems = bench.json(&["ls", "systems"]);
        let text = |what: &str| systems[0][what].as_str().unwrap().to_owned();
        let address = text("nameserver");
        let keys = keys(&bench, &text("name"));
        let owner = keys.operator().unwrap().credentials();
        Self {
            bench,
            address,
            owner,
        }
    }

    pub(crate) fn dial(&self, keys: Option<Credentials>) -> NameServer {
        let address = self.address.clone();
        NameServer::dial(&Dial { address, keys }).unwrap()
    }

    pub(crate) fn owner(&self) -> NameServer {
        self.dial(Some(self.owner.clone()))
    }

    /// A new key, and the right name server's.
    pub(crate) fn random(&self) -> Credentials {
        Credentials::new(draw_keys().unwrap(), self.owner.server)
    }

    /// An operator with a key that was admitted.
    pub(crate) fn admit(&self, holder: Holder, term: Term) -> Credentials {
        let keys = self.random();
        let entry = KeyEntry::new(keys.own.public, holder, term);
        let owner = self.owner();
        let admitted = owner.ask::<()>(&NameServerRequest::Admit(entry));
        admitted.wait().unwrap();
        keys
    }

    /// Where a socket of Alice's is, and her key.
    pub(crate) fn socket(&self, alias: &str) -> osb::model::Address {
        self.owner().addr("Alice", alias).unwrap()
    }

    pub(crate) fn down(self) {
        // Those of the test may be at its name server yet.
        self.bench.ok(&["down", "--force"]);
        self.bench.assert_nothing_left();
    }
}

/// The keys of a system.
pub(crate) fn keys(bench: &Bench, system: &str) -> KeyDir {
    KeyDir::at(bench.state().join("osb").join(".keys").join(system))
}
