//! How it is seen, for as long as a program runs, that it works: what is tried, how often, and what follows. Whether it
//! has begun to work is another matter: [`Ready`](super::Ready).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::timing::{HEALTH_GRACE, HEALTH_INTERVAL, HEALTH_TIMEOUT};
use super::{MethodName, Millis, RestartPolicy, Template, read_ip_and_port, words};

/// The port of HTTP.
const HTTP_PORT: u16 = 80;

/// How a program is watched while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// What is tried. None: only what the program itself says is gone by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    /// How long after the end of a check the next one begins.
    pub every: Millis,
    /// How long a check may take.
    pub timeout: Millis,
    /// After so many failures in a row the program is unhealthy.
    pub failures: u32,
    /// Failures do not count so long after the program has begun, until a check has succeeded.
    pub grace: Millis,
    /// What follows. None: what fits the agent's restart policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<Then>,
    /// How long the program may be busy with one thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_busy: Option<Millis>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            check: None,
            every: HEALTH_INTERVAL,
            timeout: HEALTH_TIMEOUT,
            failures: 3,
            grace: HEALTH_GRACE,
            then: None,
            max_busy: None,
        }
    }
}

/// What is tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Check {
    /// A method of the program answers, and not with an error.
    Call(MethodName),
    /// Another command ends with status 0.
    Command(Vec<Template>),
    /// A TCP port takes connections.
    Port(SocketAddr),
    /// A GET is answered with a status from 200 to 399.
    Http(HttpUrl),
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Check::Call(method) => write!(f, "call {method}"),
            Check::Command(argv) => write!(f, "command `{}`", words(argv)),
            Check::Port(at) => write!(f, "port {at}"),
            Check::Http(url) => write!(f, "{url}"),
        }
    }
}

/// What follows when a program is found unhealthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Then {
    /// It is ended, and started anew by its agent's policy.
    Restart,
    /// It is told, and nothing else.
    Tell,
}

impl Then {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Restart, Self::Tell];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Then::Restart => "restart",
            Then::Tell => "tell",
        }
    }

    /// What follows where nothing is said: an agent that is not started again is not ended.
    pub fn fitting(policy: RestartPolicy) -> Self {
        match policy {
            RestartPolicy::Never => Then::Tell,
            RestartPolicy::OnFailure | RestartPolicy::Always => Then::Restart,
        }
    }
}

impl fmt::Display for Then {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is asked for by HTTP. Names are not looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HttpUrl {
    /// As it is written, for the header `Host`.
    host: String,
    at: SocketAddr,
    path: String,
}

/// The text is no URL that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadHttpUrl {
    /// It does not begin as one.
    #[error("it does not begin with http://")]
    Scheme,
    /// TLS is needed.
    #[error("https is not spoken here")]
    Https,
    /// The host is no address.
    #[error("{0:?} is no IP address, or one with a port")]
    Host(String),
    /// There is something in it that cannot stand in a request.
    #[error("there is a blank, or a character that is not of ASCII, in it")]
    Blank,
}

impl HttpUrl {
    /// Where it is asked for.
    pub fn at(&self) -> SocketAddr {
        self.at
    }

    /// The request.
    pub fn request(&self) -> String {
        let Self { host, path, .. } = self;
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: osb\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        )
    }
}

impl FromStr for HttpUrl {
    type Err = BadHttpUrl;

    fn from_str(text: &str) -> Result<Self, BadHttpUrl> {
        if text.starts_with("https://") {
            return Err(BadHttpUrl::Https);
        }
        let rest = text.strip_prefix("http://").ok_or(BadHttpUrl::Scheme)?;
        if !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(BadHttpUrl::Blank);
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        let path = match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("/{path}"),
        };
        let at = address(host).ok_or_else(|| BadHttpUrl::Host(host.to_owned()))?;
        Ok(Self {
            host: host.to_owned(),
            at,
            path,
        })
    }
}

/// Where a host is: an address or `localhost`, perhaps with a port.
fn address(host: &str) -> Option<SocketAddr> {
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if host == "localhost" {
        return Some(local(HTTP_PORT));
    }
    if let Some(port) = host.strip_prefix("localhost:") {
        return port.parse().ok().map(local).filter(can_be_dialled);
    }
    let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let alone = bare.unwrap_or(host).parse::<IpAddr>().ok();
    // Without brackets the port of an IPv6 address could not be told from it.
    let alone = alone.filter(|ip| ip.is_ipv4() || bare.is_some());
    let alone = alone.map(|ip| SocketAddr::new(ip, HTTP_PORT));
    alone
        .or_else(|| read_ip_and_port(host).ok())
        .filter(can_be_dialled)
}

fn can_be_dialled(at: &SocketAddr) -> bool {
    at.port() > 0 && !at.ip().is_unspecified()
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.host, self.path)
    }
}

impl TryFrom<String> for HttpUrl {
    type Error = BadHttpUrl;

    fn try_from(text: String) -> Result<Self, BadHttpUrl> {
        text.parse()
    }
}

impl From<HttpUrl> for String {
    fn from(url: HttpUrl) -> String {
        url.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn urls_are_read_and_written() {
        for (text, at, written) in [
            ("http://127.0.0.1", "127.0.0.1:80", "http://127.0.0.1/"),
            (
                "http://127.0.0.1:8080/health?deep=1#top",
                "127.0.0.1:8080",
                "http://127.0.0.1:8080/health?deep=1",
            ),
            (
                "http://localhost:81/x",
                "127.0.0.1:81",
                "http://localhost:81/x",
            ),
            ("http://localhost", "127.0.0.1:80", "http://localhost/"),
            ("http://[::1]", "[::1]:80", "http://[::1]/"),
            ("http://[::1]:8/", "[::1]:8", "http://[::1]:8/"),
            ("http://10.0.0.7?x", "10.0.0.7:80", "http://10.0.0.7/?x"),
        ] {
            let url: HttpUrl = text.parse().unwrap();
            assert_eq!(url.at(), at.parse().unwrap(), "{text}");
            assert_eq!(url.to_string(), written);
            assert_eq!(url.to_string().parse(), Ok(url));
        }
        for (bad, why) in [
            ("127.0.0.1:80", BadHttpUrl::Scheme),
            ("", BadHttpUrl::Scheme),
            ("https://127.0.0.1", BadHttpUrl::Https),
            ("http://", BadHttpUrl::Host(String::new())),
            ("http://web/", BadHttpUrl::Host("web".into())),
            ("http://0.0.0.0:80", BadHttpUrl::Host("0.0.0.0:80".into())),
            ("http://127.0.0.1:0", BadHttpUrl::Host("127.0.0.1:0".into())),
            ("http://127.0.0.1/a b", BadHttpUrl::Blank),
            ("http://127.0.0.1/\r\nX: y", BadHttpUrl::Blank),
        ] {
            assert_eq!(bad.parse::<HttpUrl>(), Err(why), "{bad}");
        }
    }

    #[test]
    fn a_request_asks_for_the_path() {
        let url: HttpUrl = "http://localhost:81/x?y".parse().unwrap();
        let request = url.request();
        assert!(request.starts_with("GET /x?y HTTP/1.1\r\nHost: localhost:81\r\n"));
        assert!(request.ends_with("\r\n\r\n"));
    }

    proptest! {
        #[test]
        fn no_url_makes_two_requests(text in "http://127\\.0\\.0\\.1[ -~\r\n/]{0,30}|.*") {
            if let Ok(url) = text.parse::<HttpUrl>() {
                prop_assert_eq!(url.request().matches("\r\n\r\n").count(), 1);
            }
        }
    }
}
