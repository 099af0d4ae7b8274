//! Secret values, which output hides: those of variables whose names say so.

use std::collections::BTreeSet;

use super::{AgentSpec, Topology};

/// Words that make a variable's name that of a secret.
const WORDS: [&str; 16] = [
    "apikey",
    "auth",
    "cookie",
    "credential",
    "credentials",
    "key",
    "keys",
    "pass",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "private",
    "secret",
    "secrets",
    "token",
];

/// Whether the name of a variable looks like that of a secret: `DB_PASSWORD`, `apiKey`, `TOKENS`.
pub fn looks_secret(name: &str) -> bool {
    let words = words(name);
    let is_secret = |word: &str| {
        let ends = ["password", "passwd", "secret", "token", "tokens", "apikey"];
        WORDS.contains(&word) || ends.iter().any(|end| word.ends_with(end))
    };
    words.iter().any(|word| is_secret(word))
}

/// Its words, in small letters: what stands between signs, or begins with a capital.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for c in name.chars() {
        let begins = !c.is_alphanumeric() || (c.is_uppercase() && was_small);
        if begins {
            words.push(String::new());
        }
        was_small = c.is_lowercase();
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
    }
    words
}

impl Topology {
    /// Hides the values of such variables, for the topology to be shown. Gives the variables' names.
    pub fn hide_secrets(&mut self) -> BTreeSet<String> {
        let agents = self.agents.iter_mut();
        agents.flat_map(AgentSpec::hide_secrets).collect()
    }
}

impl AgentSpec {
    /// The same of one agent.
    pub fn hide_secrets(&mut self) -> BTreeSet<String> {
        let variables = self.program.iter_mut().flat_map(|it| it.env.iter_mut());
        let secret = variables.filter(|(name, value)| looks_secret(name) && value.has_text());
        secret
            .map(|(name, value)| {
                value.hide();
                name.clone()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names() {
        for name in [
            "DB_PASSWORD",
            "API_KEY",
            "apiKey",
            "GITHUB_TOKEN",
            "PGPASSWORD",
            "AWS_SECRET_ACCESS_KEY",
            "TOKEN",
            "client-secret",
            "AUTH_HEADER",
            "SSH_PRIVATE",
            "PASS",
            "TOKENS",
            "mqttPassword",
        ] {
            assert!(looks_secret(name), "{name}");
        }
        for name in [
            "PWD",
            "KEYBOARD",
            "LEVEL",
            "AUTHOR",
            "MONKEY",
            "PATH",
            "COMPASS",
            "OSB_REPLICA",
        ] {
            assert!(!looks_secret(name), "{name}");
        }
    }
}
