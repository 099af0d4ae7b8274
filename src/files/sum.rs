//! Copying with an eye on the content.

use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

use crate::model::Digest;

/// How much is moved at once, in bytes.
const CHUNK: usize = 128 << 10;

/// An error of one end of a copy.
pub(crate) enum End {
    Reading(io::Error),
    Writing(io::Error),
}

/// Copies all that `from` has. Tells how much it was, and its sum.
pub(crate) fn copy(from: &mut impl Read, to: &mut impl Write) -> Result<(u64, Digest), End> {
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut size: u64 = 0;
    loop {
        let read = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(End::Reading(error)),
        };
        hash.update(&chunk[..read]);
        to.write_all(&chunk[..read]).map_err(End::Writing)?;
        size += read as u64;
    }
    Ok((size, Digest::new(hash.finalize().into())))
}

/// The sum of what is at hand.
pub(crate) fn sum_of(bytes: &[u8]) -> Digest {
    Digest::new(Sha256::digest(bytes).into())
}
