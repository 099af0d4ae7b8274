//! `--format`: how each message is written, with fields as kcat has them.

use std::io::{self, Write};
use std::str::FromStr;

use super::message::Tapped;
use crate::wire::Way;

/// The fields, as `osb tap --help` lists them.
pub(super) const FIELDS: &str = "%s message, %S its size, %t topic, %a agent, %A alias, %k kind, %w in or out, %T milliseconds \
since 1970, %o count, %%, \\n, \\t, \\r, \\0";

/// A form for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Message,
    Size,
    Topic,
    Agent,
    Alias,
    Kind,
    Way,
    Time,
    Count,
}

/// Why a text is no form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no field {0}: {FIELDS}")]
pub struct BadFormat(String);

impl Format {
    /// `-o raw`: each message, and a newline.
    pub(super) fn raw() -> Self {
        Self(vec![Part::Message, Part::Text("\n".to_owned())])
    }

    pub(super) fn write(&self, message: &Tapped, out: &mut impl Write) -> io::Result<()> {
        for part in &self.0 {
            match part {
                Part::Text(text) => out.write_all(text.as_bytes()),
                Part::Message => out.write_all(&message.body),
                Part::Size => write!(out, "{}", message.size),
                Part::Topic => write!(out, "{}", message.topic.as_deref().unwrap_or_default()),
                Part::Agent => write!(out, "{}", message.agent),
                Part::Alias => write!(out, "{}", message.socket.alias),
                Part::Kind => write!(out, "{}", message.socket.kind),
                Part::Way => out.write_all(match message.way {
                    Way::In => b"in",
                    Way::Out => b"out",
                }),
                Part::Time => write!(out, "{}", message.time / 1000),
                Part::Count => write!(out, "{}", message.count),
            }?;
        }
        Ok(())
    }
}

impl FromStr for Format {
    type Err = BadFormat;

    fn from_str(text: &str) -> Result<Self, BadFormat> {
        let (mut parts, mut plain) = (Vec::new(), String::new());
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            let part = match (letter, letters.clone().next()) {
                ('%', next) => field(next)?,
                ('\\', next) => Part::Text(escaped(next)?.to_string()),
                (letter, _) => {
                    plain.push(letter);
                    continue;
                }
            };
            letters.next();
            match part {
                Part::Text(text) => plain.push_str(&text),
                part => {
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(part);
                }
            }
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }
}

fn field(letter: Option<char>) -> Result<Part, BadFormat> {
    Ok(match letter {
        Some('s') => Part::Message,
        Some('S') => Part::Size,
        Some('t') => Part::Topic,
        Some('a') => Part::Agent,
        Some('A') => Part::Alias,
        Some('k') => Part::Kind,
        Some('w') => Part::Way,
        Some('T') => Part::Time,
        Some('o') => Part::Count,
        Some('%') => Part::Text("%".to_owned()),
        other => return Err(bad('%', other)),
    })
}

fn escaped(letter: Option<char>) -> Result<char, BadFormat> {
    match letter {
        Some('n') => Ok('\n'),
        Some('t') => Ok('\t'),
        Some('r') => Ok('\r'),
        Some('0') => Ok('\0'),
        Some('\\') => Ok('\\'),
        other => Err(bad('\\', other)),
    }
}

fn bad(first: char, second: Option<char>) -> BadFormat {
    BadFormat(std::iter::once(first).chain(second).collect())
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::tapped;
    use super::*;
    use crate::model::Serializer;

    fn written(format: &str) -> String {
        let mut out = Vec::new();
        let format: Format = format.parse().unwrap();
        let message = Tapped {
            topic: Some("sport".into()),
            ..tapped(b"{}", Serializer::Json)
        };
        format.write(&message, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn fields_stand_for_what_kcat_says() {
        assert_eq!(written("%t: %s\\n"), "sport: {}\n");
        assert_eq!(
            written("%a.%A %k %w %T %o %S 100%%\\t\\\\"),
            "Alice.main PUSH out 1795816501123 3 2 100%\t\\"
        );
        assert_eq!(written(""), "");
        for bad in ["%", "%x", "\\", "\\q"] {
            let error = bad.parse::<Format>().unwrap_err();
            assert!(error.to_string().contains(bad), "{error}");
        }
    }
}
