//! CURVE keys and who holds them: 32 bytes each, written as 40 characters of Z85
//! (<https://rfc.zeromq.org/spec/32/>). Keys are drawn by `zeromq`; nothing here is random.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const BYTES: usize = 32;
const CHARACTERS: usize = 40;
const ALPHABET: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/// The text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key has {CHARACTERS} characters of Z85")]
pub struct BadKey;

fn z85(bytes: &[u8; BYTES]) -> String {
    let mut text = String::with_capacity(CHARACTERS);
    for four in bytes.chunks_exact(4) {
        let number = four
            .iter()
            .fold(0u32, |sum, byte| sum << 8 | u32::from(*byte));
        let digits = [52_200_625, 614_125, 7225, 85, 1].map(|unit| number / unit % 85);
        text.extend(digits.map(|digit| char::from(ALPHABET[digit as usize])));
    }
    text
}

fn from_z85(text: &str) -> Result<[u8; BYTES], BadKey> {
    let digit = |c: &u8| ALPHABET.iter().position(|it| it == c);
    let mut bytes = [0; BYTES];
    if text.len() != CHARACTERS {
        return Err(BadKey);
    }
    let fives = text.as_bytes().chunks_exact(5);
    for (five, four) in fives.zip(bytes.chunks_exact_mut(4)) {
        let sum = five.iter().try_fold(0u64, |sum, c| {
            Some(sum * 85 + u64::try_from(digit(c)?).ok()?)
        });
        let number = sum.and_then(|sum| u32::try_from(sum).ok()).ok_or(BadKey)?;
        four.copy_from_slice(&number.to_be_bytes());
    }
    Ok(bytes)
}

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; BYTES]);

        impl $name {
            /// Of these bytes.
            pub fn of(bytes: [u8; BYTES]) -> Self {
                Self(bytes)
            }

            /// As libzmq takes it.
            pub fn as_bytes(&self) -> &[u8; BYTES] {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadKey;

            fn from_str(text: &str) -> Result<Self, BadKey> {
                from_z85(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadKey;

            fn try_from(text: String) -> Result<Self, BadKey> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(key: $name) -> String {
                z85(&key.0)
            }
        }
    )*};
}

keys! {
    /// Identifies its holder, and may be known to all.
    PublicKey,
    /// Proves to be the key's holder. It is written to files of its holder's alone, and to
    /// pipes; never to logs, arguments or the environment.
    SecretKey,
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&z85(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey")
    }
}

/// A key and its other half.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyPair {
    /// The half that others may know.
    pub public: PublicKey,
    /// The half that proves it.
    pub secret: SecretKey,
}

/// What a member needs to be admitted: its own keys, and the name server's public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The member's own keys.
    pub own: KeyPair,
    /// The name server's public key.
    pub server: PublicKey,
    /// The file that has these, if there is one: another key of the name server is written down there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
}

impl Credentials {
    /// Those that no file has.
    pub fn new(own: KeyPair, server: PublicKey) -> Self {
        Self {
            own,
            server,
            file: None,
        }
    }
}

/// How a name server is dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    /// `tcp://host:port`, or `host:port`.
    pub address: String,
    /// None: in the clear.
    pub keys: Option<Credentials>,
}

impl Dial {
    /// Without keys, as a name server of one machine is dialled.
    pub fn plain(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            keys: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The test case of RFC 32, four times.
    #[test]
    fn the_text_is_z85() {
        let bytes: [u8; 8] = [0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B];
        let key = PublicKey::of(bytes.repeat(4).try_into().unwrap());
        assert_eq!(key.to_string(), "HelloWorld".repeat(4));
        assert_eq!("HelloWorld".repeat(4).parse(), Ok(key));
    }

    #[test]
    fn a_secret_does_not_show() {
        let pair = KeyPair {
            public: PublicKey::of([1; 32]),
            secret: SecretKey::of([2; 32]),
        };
        let secret = String::from(pair.secret);
        assert!(!format!("{pair:?}").contains(&secret));
        assert!(serde_json::to_string(&pair).unwrap().contains(&secret));
    }

    proptest! {
        #[test]
        fn every_key_comes_back(bytes: [u8; 32]) {
            let key = PublicKey::of(bytes);
            prop_assert_eq!(key.to_string().parse::<PublicKey>(), Ok(key));
        }

        #[test]
        fn what_is_read_is_written_the_same(text in "[!-~]{40}") {
            if let Ok(key) = text.parse::<PublicKey>() {
                prop_assert_eq!(key.to_string(), text);
            }
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = text.parse::<SecretKey>();
        }
    }
}
