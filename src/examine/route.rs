//! The address by which this machine is known where its name server is.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

/// The address of this machine from which `nameserver` (`tcp://host:port`) would be dialled. Nothing
/// is sent.
pub(crate) fn own_address(nameserver: &str) -> io::Result<IpAddr> {
    let host_and_port = nameserver.strip_prefix("tcp://").unwrap_or(nameserver);
    let mut resolved = host_and_port.to_socket_addrs()?;
    let there = resolved.next().ok_or(io::ErrorKind::NotFound)?;
    let any: IpAddr = match there.ip() {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(there)?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_dials_the_loopback_is_there_himself() {
        let own = own_address("tcp://127.0.0.1:7400").unwrap();
        assert!(own.is_loopback());
        assert!(own_address("nowhere").is_err());
    }
}
