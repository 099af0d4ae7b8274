//! Binding: from what was asked for to the address that peers dial.

use std::fs::{self, DirBuilder};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::raw;
use crate::model::{AgentName, Alias, Endpoint, beside, bound_for};

/// The longest path of a Unix socket.
const LONGEST_PATH: usize = 107;

/// Why a socket cannot be bound, and to what.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot bind to {address}: {reason}")]
pub(crate) struct BindError {
    pub address: String,
    pub reason: String,
}

/// What an agent knows about places.
pub(crate) struct Place<'a> {
    pub agent: &'a AgentName,
    /// What peers dial instead of a wildcard.
    pub advertise: IpAddr,
    /// Where ipc sockets without an absolute path lie.
    pub ipc_dir: &'a Path,
}

/// A socket file of this agent, known by its inode, so that no other process's is ever removed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

/// Where a socket was bound.
#[derive(Debug)]
pub(crate) struct Bound {
    /// What peers dial.
    pub address: String,
    /// What libzmq calls it.
    pub endpoint: String,
    pub file: Option<SocketFile>,
}

/// Binds `socket` and tells what peers are to dial.
pub(crate) fn bind(
    socket: &mut zmq::Socket,
    alias: &Alias,
    endpoint: &Endpoint,
    place: &Place,
) -> Result<Bound, BindError> {
    match endpoint {
        Endpoint::Tcp { ip, port } => bind_tcp(socket, SocketAddr::new(*ip, *port), place),
        Endpoint::Ipc { path } => bind_ipc(socket, path_of(path.as_deref(), alias, place)),
    }
}

/// How often a pair of ports is looked for. That the one after a free one is taken is rare.
const ATTEMPTS: usize = 32;

/// Binds `socket` and a second one beside it: at the port after, or at a path beside.
pub(crate) fn bind_both(
    socket: &mut zmq::Socket,
    second: &mut zmq::Socket,
    alias: &Alias,
    endpoint: &Endpoint,
    place: &Place,
) -> Result<(Bound, Bound), BindError> {
    let mut attempts = match endpoint {
        Endpoint::Tcp { port: 0, .. } => ATTEMPTS,
        _ => 1,
    };
    let mut rejected = Vec::new();
    let both = loop {
        let first = bind(socket, alias, endpoint, place)?;
        attempts -= 1;
        let error = match bind(second, alias, &first.beside(endpoint)?, place) {
            Ok(second) => break Ok((first, second)),
            Err(error) => error,
        };
        if let Some(file) = &first.file {
            file.remove();
        }
        // Held until there is a pair: else the next free port might be the same again.
        rejected.push(first.endpoint);
        if attempts == 0 {
            let reason = format!("{}; its requests arrive there", error.reason);
            break Err(BindError { reason, ..error });
        }
    };
    for endpoint in rejected {
        // What it was just bound to can be left.
        let _ = raw::unbind(socket, &endpoint);
    }
    both
}

impl Bound {
    /// None if it is not by TCP.
    pub(crate) fn port(&self) -> Option<u16> {
        let at = self.address.strip_prefix("tcp://")?;
        port_of(at)
    }

    /// Where a second socket belongs.
    fn beside(&self, endpoint: &Endpoint) -> Result<Endpoint, BindError> {
        let no_port = || BindError {
            address: self.address.clone(),
            reason: "there is no port after it for requests".to_owned(),
        };
        let beside = beside(&self.address).ok_or_else(no_port)?;
        Ok(match endpoint {
            Endpoint::Tcp { ip, .. } => Endpoint::Tcp {
                ip: *ip,
                port: port_of(&beside).ok_or_else(no_port)?,
            },
            Endpoint::Ipc { .. } => Endpoint::Ipc {
                path: beside.strip_prefix("ipc://").map(PathBuf::from),
            },
        })
    }
}

fn port_of(address: &str) -> Option<u16> {
    let (_, port) = address.rsplit_once(':')?;
    port.parse().ok()
}

pub(super) fn bind_tcp(
    socket: &mut zmq::Socket,
    wanted: SocketAddr,
    place: &Place,
) -> Result<Bound, BindError> {
    let ip = bound_for(wanted.ip(), place.advertise);
    let wanted = SocketAddr::new(ip, wanted.port());
    let asked = format!("tcp://{wanted}");
    let refused = |reason: String| BindError {
        address: asked.clone(),
        reason,
    };
    if wanted.is_ipv6() {
        socket
            .set_ipv6(true)
            .map_err(|e| refused(e.message().into()))?;
    }
    raw::bind(socket, &asked).map_err(|e| refused(e.reason()))?;
    let bound = last_endpoint(socket).ok_or_else(|| refused("libzmq tells no address".into()))?;
    let port = port_of(&bound)
        .ok_or_else(|| refused(format!("libzmq tells a strange address, {bound}")))?;
    let ip = match wanted.ip() {
        ip if ip.is_unspecified() => place.advertise,
        ip => ip,
    };
    Ok(Bound {
        address: format!("tcp://{}", SocketAddr::new(ip, port)),
        endpoint: bound,
        file: None,
    })
}

fn last_endpoint(socket: &zmq::Socket) -> Option<String> {
    socket.get_last_endpoint().ok()?.ok()
}

fn path_of(path: Option<&Path>, alias: &Alias, place: &Place) -> PathBuf {
    match path {
        Some(path) => place.ipc_dir.join(path),
        None => place.ipc_dir.join(format!("{}.{alias}", place.agent)),
    }
}

fn bind_ipc(socket: &mut zmq::Socket, path: PathBuf) -> Result<Bound, BindError> {
    let address = format!("ipc://{}", path.display());
    let refused = |reason: String| BindError {
        address: address.clone(),
        reason,
    };
    let length = path.as_os_str().len();
    if length > LONGEST_PATH {
        let reason = format!(
            "the path has {length} bytes; a socket's has {LONGEST_PATH} at most: choose a shorter one, or a shorter OSB_STATE_DIR"
        );
        return Err(refused(reason));
    }
    make_room(&path).map_err(refused)?;
    raw::bind(socket, &address).map_err(|e| refused(e.reason()))?;
    let file = SocketFile::of(&path).map_err(|e| refused(plain(&e)))?;
    Ok(Bound {
        endpoint: address.clone(),
        address,
        file: Some(file),
    })
}

/// Makes the folder, and checks that no process listens at `path`: libzmq would take the path from it without asking.
fn make_room(path: &Path) -> Result<(), String> {
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|e| format!("cannot make the folder {}: {}", folder.display(), plain(&e)))?;
    }
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !found.file_type().is_socket() {
        return Err("there is a file of that name that is no socket".into());
    }
    if UnixStream::connect(path).is_ok() {
        return Err("address already in use".into());
    }
    fs::remove_file(path).map_err(|e| format!("cannot remove what was left there: {}", plain(&e)))
}

/// An error of the operating system in words, without its number.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    text.to_lowercase()
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        Ok(Self {
            path: path.to_owned(),
            device: found.dev(),
            inode: found.ino(),
        })
    }

    /// Removes the file, if it is still this one.
    pub(crate) fn remove(&self) {
        if Self::of(&self.path).is_ok_and(|now| now == *self) {
            // If it cannot be removed, the next process to bind there sees that none listens.
            let _ = fs::remove_file(&self.path);
        }
    }
}
