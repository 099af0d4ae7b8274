//! Texts that people write for one thing each: names, addresses, durations, handlers.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use osb::model::{
    Action, Address, AgentId, AgentName, Alias, Endpoint, HostName, Kind, Millis, NameServerName,
    PublicKey, Serializer, SocketId, SshDestination, SystemName, Target, Template, Transport,
    beside,
};
use osb::wire::Peer;

/// Any text.
pub fn names(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    plain_names(text);
    stays_itself::<AgentId>(text);
    stays_itself::<SocketId>(text);
    stays_itself::<Target>(text);
    for target in Target::readings(text) {
        assert_eq!(target.to_string(), text);
    }
    for socket in SocketId::readings(text) {
        assert_eq!(socket.to_string(), text);
    }
    means_the_same::<Peer>(text);
    means_the_same::<Action>(text);
    means_the_same::<Kind>(text);
    means_the_same::<Millis>(text);
    stays_itself::<PublicKey>(text);
    addresses(text);
    if let Ok(destination) = text.parse::<SshDestination>() {
        assert!(!text.starts_with('-') && !text.contains(char::is_whitespace));
        assert_eq!(destination.to_string(), text);
    }
    let plain = Template::from(text);
    let json = serde_json::to_string(&plain).expect("a template is JSON");
    assert_eq!(serde_json::from_str::<Template>(&json).ok(), Some(plain));
}

/// A name is a file's name, whatever file that is.
fn plain_names(text: &str) {
    stays_itself::<SystemName>(text);
    stays_itself::<HostName>(text);
    stays_itself::<NameServerName>(text);
    stays_itself::<AgentName>(text);
    if stays_itself::<Alias>(text) {
        assert!((1..=63).contains(&text.len()) && text.is_ascii());
        assert!(!text.contains(['/', '\0', '@']) && !text.starts_with(['.', '-']));
    }
}

fn addresses(text: &str) {
    for transport in [None, Some(Transport::Tcp), Some(Transport::Ipc)] {
        let Ok(Some(endpoint)) = Endpoint::read(transport, Some(text)) else {
            continue;
        };
        let written = endpoint.to_string();
        if let Endpoint::Tcp { .. } = endpoint {
            let bare = written.strip_prefix("tcp://");
            assert_eq!(Endpoint::read(None, bare), Ok(Some(endpoint)));
        }
    }
    for kind in Kind::ALL {
        if let Some(address) = Address::dialled(text, kind, Serializer::Json) {
            assert_eq!(address.twin().twin(), address);
            assert_eq!(address.requests.is_some(), kind == Kind::SyncPub);
        }
    }
    let _ = beside(text);
}

/// What is written back is what was read. Tells whether it could be read.
fn stays_itself<T: FromStr + Display>(text: &str) -> bool {
    match text.parse::<T>() {
        Ok(read) => {
            assert_eq!(read.to_string(), text);
            true
        }
        Err(_) => false,
    }
}

/// What is written back reads as the same.
fn means_the_same<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(read) = text.parse::<T>() {
        let again = read.to_string().parse::<T>();
        assert_eq!(again.ok().as_ref(), Some(&read), "{text:?}");
    }
}
