//! Lines of another machine, for the fuzz targets; nothing else is to use it.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tokio::io::BufReader;

use super::lines::Lines;

/// The lines of a machine that has written these bytes, read in pieces of that size; and why there are no more of them,
/// if that is the machine's fault.
pub fn lines(
    bytes: &[u8],
    piece: usize,
    (longest, most): (usize, usize),
) -> (Vec<String>, Option<String>) {
    let mut from = Lines::within(BufReader::with_capacity(piece, bytes), longest);
    let mut context = Context::from_waker(Waker::noop());
    let mut lines = Vec::new();
    loop {
        // All is there, so that nothing is waited for.
        match pin!(from.next(most)).poll(&mut context) {
            Poll::Ready(Ok(line)) => lines.push(line),
            Poll::Ready(Err(end)) => return (lines, end.reason()),
            Poll::Pending => return (lines, Some("it waits for what is there".to_owned())),
        }
    }
}
