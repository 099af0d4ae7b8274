//! This program as bytes, to be copied to a machine that has none of its version.

use std::fs::File;
use std::io::{self, Read};
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use crate::process::assert_osb;

/// What is running, and its SHA-256 in hexadecimal digits.
pub(crate) struct Binary {
    pub bytes: Vec<u8>,
    pub sum: String,
}

impl Binary {
    /// Reads what is running, even if its file was replaced meanwhile: once, for all machines.
    pub(crate) fn own() -> io::Result<Arc<Self>> {
        static OWN: OnceLock<Arc<Binary>> = OnceLock::new();
        match OWN.get() {
            Some(own) => Ok(own.clone()),
            None => {
                let own = Arc::new(Self::read()?);
                Ok(OWN.get_or_init(|| own).clone())
            }
        }
    }

    fn read() -> io::Result<Self> {
        assert_osb()?;
        let mut bytes = Vec::new();
        File::open("/proc/self/exe")?.read_to_end(&mut bytes)?;
        let sum = Sha256::digest(&bytes);
        let sum = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { bytes, sum })
    }
}

/// What this machine is, as `uname -sm` says it.
pub(crate) fn own_machine() -> String {
    nix::sys::utsname::uname().map_or_else(
        |_| "an unknown machine".to_owned(),
        |name| {
            let (system, machine) = (name.sysname(), name.machine());
            format!("{} {}", system.to_string_lossy(), machine.to_string_lossy())
        },
    )
}
