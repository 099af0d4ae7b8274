//! One question by HTTP/1.1, of whose answer only the status is read. Nothing here waits: the loop watches the socket.
//! Only this little of the protocol is needed, so that no library for it is.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use rustix::io::{Errno, read, write};

use super::dial::{connected, dial};
use crate::model::HttpUrl;

/// More than a status line has.
const LONGEST: usize = 4096;

/// A question that is under way.
pub(crate) struct HttpQuestion {
    socket: OwnedFd,
    at: SocketAddr,
    is_connected: bool,
    /// What is not written yet.
    request: Vec<u8>,
    heard: Vec<u8>,
}

impl HttpQuestion {
    /// Begins to connect.
    pub(crate) fn begin(url: &HttpUrl) -> Result<Self, String> {
        Ok(Self {
            socket: dial(url.at())?,
            at: url.at(),
            is_connected: false,
            request: url.request().into_bytes(),
            heard: Vec::new(),
        })
    }

    /// What to watch.
    pub(crate) fn fd(&self) -> (RawFd, zmq::PollEvents) {
        let events = match self.request.is_empty() {
            true => zmq::POLLIN,
            false => zmq::POLLOUT,
        };
        (self.socket.as_raw_fd(), events)
    }

    /// Goes on. Its outcome, once there is one: a status from 200 to 399 is good.
    pub(crate) fn outcome(&mut self) -> Option<Result<(), String>> {
        if !self.is_connected {
            match connected(&self.socket, self.at)? {
                Ok(()) => self.is_connected = true,
                Err(reason) => return Some(Err(reason)),
            }
        }
        let went_on = self.write().and_then(|()| self.read());
        let has_ended = match went_on {
            Ok(has_ended) => has_ended,
            Err(Errno::AGAIN | Errno::INTR) => return None,
            Err(error) => return Some(Err(error.to_string())),
        };
        match status(&self.heard) {
            Some(Ok(200..=399)) => Some(Ok(())),
            Some(Ok(status)) => Some(Err(format!("HTTP status {status}"))),
            Some(Err(())) => Some(Err("the answer is no HTTP".to_owned())),
            None if has_ended => Some(Err("hung up without an answer".to_owned())),
            None => None,
        }
    }

    fn write(&mut self) -> Result<(), Errno> {
        while !self.request.is_empty() {
            let count = write(&self.socket, &self.request)?;
            self.request.drain(..count);
        }
        Ok(())
    }

    /// Reads to the end of the first line. Tells whether nothing more comes.
    fn read(&mut self) -> Result<bool, Errno> {
        let mut chunk = [0; 512];
        while status(&self.heard).is_none() {
            match read(&self.socket, &mut chunk)? {
                0 => return Ok(true),
                count => self.heard.extend_from_slice(&chunk[..count]),
            }
        }
        Ok(false)
    }
}

/// The status in the first line, once that is there.
fn status(heard: &[u8]) -> Option<Result<u16, ()>> {
    let Some(end) = heard.iter().position(|byte| *byte == b'\n') else {
        return (heard.len() > LONGEST).then_some(Err(()));
    };
    let line = std::str::from_utf8(&heard[..end]).unwrap_or_default();
    let mut words = line.split_ascii_whitespace();
    let is_http = words.next().is_some_and(|it| it.starts_with("HTTP/1."));
    let status = words.next().and_then(|it| it.parse().ok());
    Some(status.filter(|_| is_http).ok_or(()))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::time::{Duration, Instant};

    use super::*;

    /// What comes of a question that is answered so.
    fn answered(answer: &'static [u8]) -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/x", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut peer, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let count = peer.read(&mut request).unwrap();
            assert!(request[..count].starts_with(b"GET /x HTTP/1.1\r\n"));
            for byte in answer {
                if peer.write_all(&[*byte]).is_err() {
                    return;
                }
            }
        });
        let mut question = HttpQuestion::begin(&url.parse().unwrap()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        let outcome = loop {
            if let Some(outcome) = question.outcome() {
                break outcome;
            }
            assert!(Instant::now() < deadline);
            let (fd, events) = question.fd();
            zmq::poll(&mut [zmq::PollItem::from_fd(fd, events)], 100).unwrap();
        };
        drop(question);
        server.join().unwrap();
        outcome
    }

    #[test]
    fn the_status_decides() {
        let no = |reason: &str| Err(reason.to_owned());
        assert_eq!(answered(b"HTTP/1.1 200 OK\r\n\r\n"), Ok(()));
        assert_eq!(answered(b"HTTP/1.0 302\n"), Ok(()));
        assert_eq!(
            answered(b"HTTP/1.1 503 Busy\r\nX: y\r\n\r\n"),
            no("HTTP status 503")
        );
        assert_eq!(answered(b"SSH-2.0-x\r\n"), no("the answer is no HTTP"));
        assert_eq!(answered(b"HTTP/1.1 20"), no("hung up without an answer"));
        assert_eq!(answered(&[b'x'; 5000]), no("the answer is no HTTP"));
    }

    #[test]
    fn where_nobody_listens_nobody_answers() {
        let at = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let began = HttpQuestion::begin(&format!("http://{at}/").parse().unwrap());
        let mut question = match began {
            Ok(question) => question,
            Err(reason) => return assert!(reason.contains("refused"), "{reason}"),
        };
        let (fd, events) = question.fd();
        zmq::poll(&mut [zmq::PollItem::from_fd(fd, events)], 10_000).unwrap();
        let reason = question.outcome().unwrap().unwrap_err();
        assert!(reason.contains("refused"), "{reason}");
    }
}
