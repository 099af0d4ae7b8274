//! The two that are asked: the least name server, and osb's, with as many names.

use osb::model::Dial;
use osb::proxy::NameServer;
use osb::state::KeyDir;
use osb::zeromq::draw_keys;
use tempfile::TempDir;

use super::client::{Load, Questions};
use super::common::curve::{as_agent, printed};
use super::common::fill::Members;
use super::common::pairs::Pair;
use super::common::{Child, Way, paired};

/// Both, until this is dropped.
pub(crate) struct Servers {
    bare: (Dial, Questions),
    osb: (Dial, Questions),
    _members: Members,
    _processes: [Child; 2],
    _keys: Option<TempDir>,
}

impl Servers {
    /// Starts both, and makes so many names known.
    pub(crate) fn start(way: Way, total: usize) -> Self {
        let role = format!("{}registry", way.prefix());
        let mut bare = Child::role(&role, &[&total.to_string()]);
        let keys = (way == Way::Curve).then(keys);
        let (ns, at) = nameserver(keys.as_ref());
        let members = match &at.keys {
            None => Members::announce(|_| at.clone(), total),
            Some(owner) => {
                let nameserver = NameServer::dial(&at).expect("its owner is let in");
                let server = owner.server;
                Members::announce(
                    |name| as_agent(&nameserver, name, &at.address, server),
                    total,
                )
            }
        };
        Self {
            bare: (printed(&bare.line()), Questions::bare(total)),
            osb: (at, Questions::osb(total)),
            _members: members,
            _processes: [bare, ns],
            _keys: keys,
        }
    }

    /// Puts a load on both in turn.
    pub(crate) fn measure(&self, load: Load, rounds: usize) -> Pair {
        let put_on = |(at, questions): &(Dial, Questions)| load.put_on(at, questions);
        paired(rounds, || put_on(&self.bare), || put_on(&self.osb))
    }
}

/// A folder with the keys of a name server.
fn keys() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let draw = || draw_keys().expect("CURVE is built in");
    let made = KeyDir::at(folder.path().join("keys")).init(&draw(), &draw());
    assert!(made.expect("it can be written"));
    folder
}

/// osb's, and how its owner dials it.
fn nameserver(keys: Option<&TempDir>) -> (Child, Dial) {
    let Some(keys) = keys else {
        let mut ns = Child::osb(&["ns", "--bind", "127.0.0.1:0"]);
        let at = Dial::plain(ns.line());
        return (ns, at);
    };
    let dir = KeyDir::at(keys.path().join("keys"));
    let path = dir.path().to_str().expect("text");
    let mut ns = Child::osb(&["ns", "--bind", "127.0.0.1:0", "--keys", path]);
    let at = Dial {
        address: ns.line(),
        keys: Some(dir.operator().expect("it is there").credentials()),
    };
    (ns, at)
}
