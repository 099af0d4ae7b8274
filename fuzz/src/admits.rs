//! Whom a bound socket admits.

use osb::model::{Accept, Admits, AgentId, Holder, OperatorAccess};

/// Lines: words of `accept`, an empty one, and names of those who come.
pub fn admits(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (words, names) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut admits = Admits::default();
    let mut read = Vec::new();
    for word in words.lines() {
        if let Ok(accept) = word.parse::<Accept>() {
            assert_eq!(accept.to_string(), word);
            admits.accept.insert(accept);
            read.push(word);
        }
    }
    let written = serde_json::to_string(&admits).expect("it is JSON");
    assert_eq!(
        serde_json::from_str::<Admits>(&written).ok().as_ref(),
        Some(&admits)
    );
    for name in names.lines() {
        if let Ok(agent) = name.parse() {
            let means = |word: &&str| match word.strip_suffix('*') {
                Some(begin) => name.starts_with(begin),
                None => *word == name,
            };
            let admitted = admits.has(&Holder::Agent(agent), None);
            assert_eq!(admitted, read.iter().any(means), "{name}");
        }
        others(&admits, name);
    }
}

/// No word of `accept` means anybody but agents of the same name server.
fn others(admits: &Admits, name: &str) {
    if let Ok(host) = name.parse() {
        assert!(!admits.has(&Holder::Host(host), None));
    }
    if let Ok(name) = name.parse() {
        let access = OperatorAccess::Admin;
        assert!(!admits.has(&Holder::Operator { name, access }, None));
    }
    let Ok(guest) = name.parse::<AgentId>() else {
        return;
    };
    assert!(!admits.has(&Holder::Guest(guest.clone()), None));
    let mut wired = admits.clone();
    wired.wires.insert(guest.clone());
    assert!(wired.has(&Holder::Guest(guest.clone()), None));
    if guest.nameserver.is_some() {
        // A wire from elsewhere lets nobody in who is here.
        let here = Holder::Agent(guest.name);
        assert_eq!(wired.has(&here, None), admits.has(&here, None));
    }
}
