//! Telling systemd how a daemon does, if it was started by it: `sd_notify` in its few lines.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Tells systemd a line such as `READY=1`. Without systemd, nothing.
pub(crate) fn notify(line: &str) {
    if let Some(socket) = std::env::var_os("NOTIFY_SOCKET").filter(|path| !path.is_empty()) {
        // Whether it is heard is systemd's business.
        let _ = tell(socket.as_encoded_bytes(), line);
    }
}

/// A path, or behind an @ a name that is no file's.
fn tell(socket: &[u8], line: &str) -> std::io::Result<()> {
    let address = match socket {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        path => {
            SocketAddr::from_pathname(std::str::from_utf8(path).map_err(std::io::Error::other)?)?
        }
    };
    let socket = UnixDatagram::unbound()?;
    // One that does not listen must not hold up the daemon.
    socket.set_nonblocking(true)?;
    socket.send_to_addr(line.as_bytes(), &address)?;
    Ok(())
}

/// How often systemd is to be told that this still works, if it wants that: twice as often as it
/// looks.
pub(crate) fn watchdog() -> Option<Duration> {
    let micros: u64 = std::env::var("WATCHDOG_USEC").ok()?.parse().ok()?;
    (micros > 1).then(|| Duration::from_micros(micros / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systemd_hears_by_path_and_by_name() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("notify");
        let by_path = UnixDatagram::bind(&path).unwrap();
        let name = format!("osb-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let by_name = UnixDatagram::bind_addr(&address).unwrap();
        tell(path.as_os_str().as_encoded_bytes(), "READY=1").unwrap();
        tell(format!("@{name}").as_bytes(), "WATCHDOG=1").unwrap();
        let mut heard = [0; 32];
        let length = by_path.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"READY=1");
        let length = by_name.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"WATCHDOG=1");
        let path = path.as_os_str().as_encoded_bytes();
        let full = (0..1000).any(|_| tell(path, "WATCHDOG=1").is_err());
        assert!(full, "it does not wait for one that does not listen");
    }
}
