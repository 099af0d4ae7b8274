//! Addresses as people write them and as osb prints them: `10.0.0.1`, `::1`, `[::1]`, `10.0.0.1:5`,
//! `[::1]:5`, and these with `tcp://` before. One reading for topologies, options and what programs say.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Why a text is no address here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadIp {
    /// It is no IP address.
    #[error("{0:?} is no IP address, such as 10.0.0.11 or [::1]")]
    NoIp(String),
    /// It is no IP address with a port.
    #[error("{0:?} is no IP:PORT, such as 127.0.0.1:7400 or [::1]:0")]
    NoPort(String),
    /// It is handed to others, to whom it would mean another network or none.
    #[error(
        "{text:?} has a zone, %{zone}, which names an interface of one machine only: peers could not dial it"
    )]
    Zone {
        /// The whole text.
        text: String,
        /// The name of the interface.
        zone: String,
    },
}

/// An address of tcp without what osb prints before it.
pub fn without_scheme(address: &str) -> &str {
    address.strip_prefix("tcp://").unwrap_or(address)
}

/// An IP address without a port.
pub fn read_ip(text: &str) -> Result<IpAddr, BadIp> {
    let bare = without_scheme(text);
    let inner = bare.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let read = match inner {
        Some(inner) => inner.parse().ok().map(IpAddr::V6),
        None => bare.parse().ok(),
    };
    read.ok_or_else(|| refused(text, BadIp::NoIp))
}

/// An IP address with a port.
pub fn read_ip_and_port(text: &str) -> Result<SocketAddr, BadIp> {
    let read = without_scheme(text).parse().ok();
    let zoned = |at: &SocketAddr| matches!(at, SocketAddr::V6(at) if at.scope_id() != 0);
    read.filter(|at| !zoned(at))
        .ok_or_else(|| refused(text, BadIp::NoPort))
}

/// An IP address, or one with a port; without one it is 0, which takes any free one.
pub fn read_ip_maybe_port(text: &str) -> Result<SocketAddr, BadIp> {
    match read_ip(text) {
        Ok(ip) => Ok(SocketAddr::new(ip, 0)),
        Err(BadIp::Zone { text, zone }) => Err(BadIp::Zone { text, zone }),
        Err(_) => read_ip_and_port(text),
    }
}

fn refused(text: &str, otherwise: fn(String) -> BadIp) -> BadIp {
    match zone(text) {
        Some((_, zone)) => BadIp::Zone {
            text: text.to_owned(),
            zone: zone.to_owned(),
        },
        None => otherwise(text.to_owned()),
    }
}

/// The address and the zone in `fe80::1%eth0`, in brackets or without, with a port or without.
pub fn zone(text: &str) -> Option<(Ipv6Addr, &str)> {
    let bare = without_scheme(text);
    let inner = match bare.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => bare,
    };
    let (ip, zone) = inner.split_once('%')?;
    Some((ip.parse().ok()?, zone))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_read_in_every_form() {
        for (text, ip) in [
            ("10.0.0.1", "10.0.0.1"),
            ("tcp://10.0.0.1", "10.0.0.1"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            ("tcp://[::1]", "::1"),
        ] {
            assert_eq!(read_ip(text).map(|ip| ip.to_string()).as_deref(), Ok(ip));
            let at = read_ip_maybe_port(text).unwrap();
            assert_eq!((at.ip().to_string().as_str(), at.port()), (ip, 0));
        }
        for (text, at) in [
            ("10.0.0.1:5", "10.0.0.1:5"),
            ("[::1]:5", "[::1]:5"),
            ("tcp://[::1]:0", "[::1]:0"),
        ] {
            let read = |it: Result<SocketAddr, BadIp>| it.map(|at| at.to_string());
            assert_eq!(read(read_ip_and_port(text)).as_deref(), Ok(at));
            assert_eq!(read(read_ip_maybe_port(text)).as_deref(), Ok(at));
        }
        for bad in [
            "",
            "localhost",
            "[10.0.0.1]",
            "[::1",
            "::1]",
            "ipc://1",
            "1.2.3",
        ] {
            assert!(read_ip(bad).is_err(), "{bad}");
            assert!(read_ip_maybe_port(bad).is_err(), "{bad}");
        }
        for bad in ["", "::1", "10.0.0.1", "10.0.0.1:", "x:5", "10.0.0.1:65536"] {
            assert!(read_ip_and_port(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_zone_is_refused_as_such() {
        let is_zone = |bad: BadIp| matches!(bad, BadIp::Zone { zone, .. } if zone == "eth0");
        assert!(is_zone(read_ip("fe80::1%eth0").unwrap_err()));
        assert!(is_zone(read_ip_maybe_port("[fe80::1%eth0]").unwrap_err()));
        for text in ["[fe80::1%eth0]:5", "tcp://[fe80::1%eth0]:5"] {
            assert!(is_zone(read_ip_and_port(text).unwrap_err()), "{text}");
            assert!(is_zone(read_ip_maybe_port(text).unwrap_err()), "{text}");
        }
        // What the standard library would take, and others then lose.
        let number = read_ip_and_port("[fe80::1%4]:5").unwrap_err();
        assert!(matches!(number, BadIp::Zone { zone, .. } if zone == "4"));
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read(ip: IpAddr, port: u16) {
            let at = SocketAddr::new(ip, port);
            prop_assert_eq!(read_ip(&ip.to_string()), Ok(ip));
            prop_assert_eq!(read_ip_and_port(&format!("tcp://{at}")), Ok(at));
        }

        #[test]
        fn no_text_panics(text in "[tcp:/\\[\\]%.0-9a-f]{0,24}") {
            let _ = (read_ip(&text), read_ip_and_port(&text), read_ip_maybe_port(&text));
        }
    }
}
