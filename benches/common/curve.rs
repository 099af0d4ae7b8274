//! CURVE: how the bare programs let in and dial by it, and how a bench gets in at a closed system.

use std::fmt;

use osb::model::{Credentials, Dial, Holder, KeyEntry, KeyPair, PublicKey};
use osb::proxy::NameServer;
use osb::wire::NameServerRequest;
use osb::zeromq::{dial_with, draw_keys};
use zmq::Socket;

/// Begins the address of a bare socket that lets in by CURVE.
const BY_CURVE: &str = "curve+";
/// A pair of keys that all bare programs have, from libzmq's manual: nothing is kept secret here.
const PUBLIC: &str = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
const SECRET: &str = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs";

/// In the clear, or encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Clear,
    Curve,
}

impl Way {
    pub(crate) const BOTH: [Way; 2] = [Way::Clear, Way::Curve];

    /// What is put before a bare program's role, and before the address that it prints.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Way::Clear => "",
            Way::Curve => BY_CURVE,
        }
    }

    /// The other way round: the way, and what it was put before.
    pub(crate) fn of(text: &str) -> (Self, &str) {
        match text.strip_prefix(BY_CURVE) {
            Some(rest) => (Way::Curve, rest),
            None => (Way::Clear, text),
        }
    }

    /// As a topology says it.
    pub(crate) fn security(self) -> &'static str {
        match self {
            Way::Clear => "none",
            Way::Curve => "curve",
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Way::Clear => "in the clear",
            Way::Curve => "CURVE",
        })
    }
}

fn of_the_manual() -> KeyPair {
    let public = PUBLIC.parse().expect("a key of the manual");
    let secret = SECRET.parse().expect("a key of the manual");
    KeyPair { public, secret }
}

/// Binds a bare socket and prints how it is to be dialled.
pub(crate) fn bind(socket: &Socket, way: Way) {
    if way == Way::Curve {
        let server = socket.set_curve_server(true);
        server
            .and_then(|()| socket.set_curve_secretkey(of_the_manual().secret.as_bytes()))
            .expect("CURVE is built in");
    }
    socket.bind("tcp://127.0.0.1:*").expect("a free port");
    let at = socket.get_last_endpoint().expect("it is bound");
    println!("{}{}", way.prefix(), at.expect("text"));
}

/// How a bare program that printed this is dialled.
pub(crate) fn printed(text: &str) -> Dial {
    let (way, address) = Way::of(text);
    let keys =
        (way == Way::Curve).then(|| Credentials::new(of_the_manual(), of_the_manual().public));
    Dial {
        address: address.to_owned(),
        keys,
    }
}

/// Connects a socket.
pub(crate) fn dial(socket: &Socket, to: &Dial) {
    if let Some(keys) = &to.keys {
        dial_with(socket, keys).expect("CURVE is built in");
    }
    socket.connect(&to.address).expect("an address");
}

/// How an agent of that name, which is let in from now on, dials a socket of that key.
pub(crate) fn as_agent(owner: &NameServer, name: &str, address: &str, server: PublicKey) -> Dial {
    let own = draw_keys().expect("CURVE is built in");
    let holder = Holder::Agent(name.parse().expect("a name"));
    let admit = NameServerRequest::Admit(KeyEntry::lasting(own.public, holder));
    owner.ask::<()>(&admit).wait().expect("its owner may");
    Dial {
        address: address.to_owned(),
        keys: Some(Credentials::new(own, server)),
    }
}
