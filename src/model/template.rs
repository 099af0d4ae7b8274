//! Texts with references: `--to=${addr:Alice.main}`. What a reference stands for is known at
//! different times and on different machines, so that a template is filled in bit by bit; the caller
//! decides where and when.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AgentId, Alias};

/// A text whose references are filled in later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Template(Vec<Piece>);

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Piece {
    /// Text as it is.
    Text(String),
    /// What is filled in later.
    Reference(Reference),
}

/// What stands between `${` and `}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reference {
    /// `addr:Alice.main`: the address of a socket, once it is bound.
    Addr {
        /// Whose socket it is.
        agent: AgentId,
        /// The alias of the socket.
        alias: Alias,
        /// Which part of the address.
        part: AddrPart,
    },
    /// `attr:Alice.level`: an attribute of an agent, once it runs.
    Attr {
        /// Whose attribute it is.
        agent: AgentId,
        /// Its name.
        name: String,
    },
    /// `env:HOME`: a variable of the machine where the program runs. As in shells, a default also
    /// stands for an empty one.
    Env {
        /// The name of the variable.
        name: String,
        /// Its value if it is not set or empty.
        default: Option<String>,
    },
    /// `host`: the machine's name. `host:address`: what peers dial to reach it.
    Host {
        /// The address, not the name.
        address: bool,
    },
}

/// Which part of an address is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AddrPart {
    /// `tcp://127.0.0.1:40123`
    Whole,
    /// tcp: the IP address, without the brackets of version 6.
    Host,
    /// tcp: the number.
    Port,
}

/// Plain text as itself, anything else as the list of its pieces.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Pieces(Vec<Piece>),
}

impl Template {
    /// Of these pieces; texts beside one another are joined.
    pub fn new(pieces: impl IntoIterator<Item = Piece>) -> Self {
        let mut joined: Vec<Piece> = Vec::new();
        for piece in pieces {
            match (joined.last_mut(), piece) {
                (_, Piece::Text(text)) if text.is_empty() => {}
                (Some(Piece::Text(before)), Piece::Text(text)) => before.push_str(&text),
                (_, piece) => joined.push(piece),
            }
        }
        Self(joined)
    }

    /// Whether anything of it stands in the file, and is not filled in later.
    pub fn has_text(&self) -> bool {
        let mut pieces = self.0.iter();
        pieces.any(|piece| matches!(piece, Piece::Text(_)))
    }

    /// Replaces its text. References stay, so that the order in which commands wait for others stays as it is.
    pub fn hide(&mut self) {
        for piece in &mut self.0 {
            if let Piece::Text(text) = piece {
                *text = "********".to_owned();
            }
        }
    }

    /// All that is filled in later.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Reference(reference) => Some(reference),
            Piece::Text(_) => None,
        })
    }

    /// Calls every agent that it is about by another name.
    pub fn rename(&mut self, name: &impl Fn(&AgentId) -> AgentId) {
        for piece in &mut self.0 {
            if let Piece::Reference(Reference::Addr { agent, .. } | Reference::Attr { agent, .. }) =
                piece
            {
                *agent = name(agent);
            }
        }
    }

    /// The template with those references filled in that are `known`.
    pub fn filled<E>(
        &self,
        mut known: impl FnMut(&Reference) -> Result<Option<String>, E>,
    ) -> Result<Self, E> {
        let pieces: Vec<Piece> = self
            .0
            .iter()
            .map(|piece| match piece {
                Piece::Reference(reference) => Ok(match known(reference)? {
                    Some(text) => Piece::Text(text),
                    None => piece.clone(),
                }),
                Piece::Text(_) => Ok(piece.clone()),
            })
            .collect::<Result<_, E>>()?;
        Ok(Self::new(pieces))
    }

    /// The text in which every reference is what `known` makes of it.
    pub fn text<E>(&self, known: impl Fn(&Reference) -> Result<String, E>) -> Result<String, E> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Reference(reference) => text.push_str(&known(reference)?),
            }
        }
        Ok(text)
    }
}

impl From<String> for Template {
    /// A text in which nothing is to be filled in.
    fn from(text: String) -> Self {
        Self::new([Piece::Text(text)])
    }
}

impl From<&str> for Template {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<Written> for Template {
    fn from(written: Written) -> Self {
        match written {
            Written::Text(text) => text.into(),
            Written::Pieces(pieces) => Self::new(pieces),
        }
    }
}

impl From<Template> for Written {
    fn from(Template(mut pieces): Template) -> Self {
        match pieces.as_mut_slice() {
            [] => Written::Text(String::new()),
            [Piece::Text(text)] => Written::Text(std::mem::take(text)),
            _ => Written::Pieces(pieces),
        }
    }
}

/// As a topology says it: a dollar sign that begins no reference is written twice.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(&text.replace('$', "$$")),
            Piece::Reference(reference) => write!(f, "${{{reference}}}"),
        })
    }
}

/// Without the dollar sign and the braces.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Addr { agent, alias, part } => {
                write!(f, "addr:{agent}.{alias}{}", part.suffix())
            }
            Reference::Attr { agent, name } => write!(f, "attr:{agent}.{name}"),
            Reference::Env { name, default } => match default {
                Some(default) => write!(f, "env:{name}:-{default}"),
                None => write!(f, "env:{name}"),
            },
            Reference::Host { address: false } => f.write_str("host"),
            Reference::Host { address: true } => f.write_str("host:address"),
        }
    }
}

impl Reference {
    /// The agent that it is about.
    pub fn agent(&self) -> Option<&AgentId> {
        match self {
            Reference::Addr { agent, .. } | Reference::Attr { agent, .. } => Some(agent),
            Reference::Env { .. } | Reference::Host { .. } => None,
        }
    }
}

impl AddrPart {
    /// All parts.
    pub const ALL: [AddrPart; 3] = [AddrPart::Whole, AddrPart::Host, AddrPart::Port];

    /// What stands behind the socket.
    pub fn suffix(self) -> &'static str {
        match self {
            AddrPart::Whole => "",
            AddrPart::Host => ":host",
            AddrPart::Port => ":port",
        }
    }

    /// That part of an address as ZeroMQ writes it. None if it has none.
    pub fn of(self, address: &str) -> Option<String> {
        let divided = || address.strip_prefix("tcp://")?.rsplit_once(':');
        Some(match self {
            AddrPart::Whole => address.to_owned(),
            AddrPart::Host => divided()?.0.trim_matches(['[', ']']).to_owned(),
            AddrPart::Port => divided()?.1.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn template() -> Template {
        Template::new([
            Piece::Text("--to=".into()),
            Piece::Reference(Reference::Addr {
                agent: "Alice".parse().unwrap(),
                alias: "main".parse().unwrap(),
                part: AddrPart::Port,
            }),
            Piece::Text(" for $5 at ".into()),
            Piece::Reference(Reference::Host { address: false }),
        ])
    }

    #[test]
    fn it_is_filled_in_bit_by_bit() {
        let template = template();
        let written = "--to=${addr:Alice.main:port} for $$5 at ${host}";
        assert_eq!(template.to_string(), written);
        let half = template.filled(|reference| {
            let known = reference.agent().map(|_| "4000".to_owned());
            Ok::<_, Infallible>(known)
        });
        let half = half.unwrap();
        assert_eq!(half.to_string(), "--to=4000 for $$5 at ${host}");
        let refused = half.text(|reference| Err(reference.to_string()));
        assert_eq!(refused, Err("host".to_owned()));
        let done = half.text(|_| Ok::<_, Infallible>("lab1".into()));
        assert_eq!(done.unwrap(), "--to=4000 for $5 at lab1");
    }

    #[test]
    fn plain_text_travels_as_text() {
        let json = |template: &Template| serde_json::to_string(template).unwrap();
        assert_eq!(json(&"a $b".into()), r#""a $b""#);
        assert_eq!(json(&"".into()), r#""""#);
        let back: Template = serde_json::from_str(&json(&template())).unwrap();
        assert_eq!(back, template());
    }

    #[test]
    fn an_address_has_parts() {
        let of = |part: AddrPart, address| part.of(address);
        let v6 = "tcp://[::1]:80";
        assert_eq!(of(AddrPart::Host, v6), Some("::1".into()));
        assert_eq!(of(AddrPart::Port, v6), Some("80".into()));
        assert_eq!(of(AddrPart::Whole, v6), Some(v6.into()));
        assert_eq!(of(AddrPart::Port, "ipc:///tmp/x:1"), None);
    }
}
