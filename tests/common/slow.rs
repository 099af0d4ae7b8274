//! A cable that is long and loses packets: instead of a machine's pair of virtual cards, two TAP devices, and threads that carry
//! frames from one to the other, late or never. (`netem` does the same in kernels that have it.)

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nix::libc;

use crate::common::lab::{DESK, Lab};

/// What a cable is like.
#[derive(Clone, Copy)]
pub(crate) struct Cable {
    /// In each direction.
    pub delay: Duration,
    /// How many of a hundred frames that the machine sends are lost.
    pub lost: u64,
}

/// Whether such a cable can be made here. If not, that is said.
pub(crate) fn can_be_made() -> bool {
    let can = OpenOptions::new().write(true).open("/dev/net/tun").is_ok();
    if !can {
        crate::common::skip("slow cables need /dev/net/tun");
    }
    can
}

impl Lab {
    /// From here on the operator's machine is on such a cable.
    pub(crate) fn lengthen_cable(&self, cable: Cable) {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let run = |space: &str, text: &str| {
            let words = words(text);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            self.in_space(space, &words);
        };
        run("switch", "ip link del desk");
        run("desk", "ip tuntap add eth0 mode tap");
        run("desk", &format!("ip address add {DESK}/24 dev eth0"));
        run("desk", "ip link set eth0 up");
        run("switch", "ip tuntap add desk mode tap");
        run("switch", "ip link set desk master bridge up");
        let near = Arc::new(tap(&self.space("desk"), "eth0"));
        let far = Arc::new(tap(&self.space("switch"), "desk"));
        carry(Arc::clone(&near), Arc::clone(&far), cable);
        carry(far, near, Cable { lost: 0, ..cable });
    }
}

/// A device of a namespace. A thread of its own goes there, for it does not come back.
#[allow(unsafe_code, reason = "two system calls that have no other way")]
fn tap(space: &str, device: &str) -> File {
    let (space, device) = (format!("/var/run/netns/{space}"), device.to_owned());
    let open = move || {
        let space = File::open(space).unwrap();
        // SAFETY: a descriptor that is open; of this thread alone.
        let moved = unsafe { libc::setns(space.as_raw_fd(), libc::CLONE_NEWNET) };
        assert_eq!(moved, 0, "{}", std::io::Error::last_os_error());
        let tap = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/net/tun")
            .unwrap();
        // SAFETY: zero is a value of all that is in it.
        let mut wanted: libc::ifreq = unsafe { std::mem::zeroed() };
        for (to, from) in wanted.ifr_name.iter_mut().zip(device.bytes()) {
            *to = from.cast_signed() as libc::c_char;
        }
        wanted.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI) as libc::c_short;
        // SAFETY: the structure that this request wants.
        let named = unsafe { libc::ioctl(tap.as_raw_fd(), libc::TUNSETIFF, &raw const wanted) };
        assert_eq!(named, 0, "{}", std::io::Error::last_os_error());
        tap
    };
    thread::spawn(open).join().unwrap()
}

/// Carries what comes, until a device is gone.
fn carry(from: Arc<File>, to: Arc<File>, cable: Cable) {
    let (frames, due) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        for (at, frame) in due {
            thread::sleep(at.saturating_duration_since(Instant::now()));
            // A device that is down for a moment takes none.
            let _ = (&*to).write(&frame);
        }
    });
    thread::spawn(move || {
        let (mut buffer, mut random) = ([0; 65_536], 7_u64);
        while let Ok(read) = (&*from).read(&mut buffer) {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let is_lost = (random >> 33) % 100 < cable.lost;
            let due = Instant::now() + cable.delay;
            if !is_lost && frames.send((due, buffer[..read].to_vec())).is_err() {
                return;
            }
        }
    });
}
