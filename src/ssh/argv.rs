//! The ssh client's arguments. Pure.

use std::ffi::OsString;

use crate::model::SshSpec;
use crate::model::timing::SSH_CONNECT_TIMEOUT;

/// What to call ssh with to run `script` at `spec`.
pub(crate) fn arguments(spec: &SshSpec, script: &str) -> Vec<OsString> {
    let mut words: Vec<OsString> = Vec::new();
    let mut add = |word: &str| words.push(word.into());
    // No terminal, no forwarding: neither is needed, and either would give the machine something.
    ["-T", "-a", "-x"].into_iter().for_each(&mut add);
    for option in [
        "BatchMode=yes".to_owned(),
        "StrictHostKeyChecking=yes".to_owned(),
        format!("ConnectTimeout={}", SSH_CONNECT_TIMEOUT.as_secs()),
        "ServerAliveInterval=5".to_owned(),
        "ServerAliveCountMax=3".to_owned(),
        "ClearAllForwardings=yes".to_owned(),
        // A connection that is there may be used; none is left behind.
        "ControlMaster=no".to_owned(),
        "LogLevel=ERROR".to_owned(),
    ] {
        add("-o");
        add(&option);
    }
    if let Some(port) = spec.port {
        add("-p");
        add(&port.to_string());
    }
    for (option, path) in [("-F", &spec.config), ("-i", &spec.identity)] {
        if let Some(path) = path {
            words.push(option.into());
            words.push(path.into());
        }
    }
    words.push("--".into());
    words.push(spec.destination.as_str().into());
    // Whatever the login shell is: it sees one word in single quotes.
    words.push(format!("exec sh -c '{script}'").into());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_destination_comes_behind_the_dashes_and_the_script_is_one_word() {
        let spec = SshSpec {
            destination: "me@lab1".parse().unwrap(),
            port: Some(2222),
            identity: Some("/keys/a b".into()),
            config: None,
        };
        let words = arguments(&spec, "echo hello");
        let words: Vec<&str> = words.iter().map(|word| word.to_str().unwrap()).collect();
        let tail = &words[words.len() - 7..];
        let expected = [
            "-p",
            "2222",
            "-i",
            "/keys/a b",
            "--",
            "me@lab1",
            "exec sh -c 'echo hello'",
        ];
        assert_eq!(tail, expected);
        for option in [
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            "ConnectTimeout=10",
        ] {
            assert!(words.contains(&option), "{option}");
        }
    }
}
