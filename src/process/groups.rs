//! What a process group has left when its leader has ended: its members are found by the session
//! that they share, for the number of the group alone might be another's by now.

use std::fs;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::{ProcessId, Stat, boot_id};

/// Kills what is left of `groups` in the session that `leader` leads or has led.
pub fn kill_groups(leader: &ProcessId, groups: &[u32]) {
    if !boot_id().is_ok_and(|boot| boot == leader.boot) {
        return;
    }
    let Ok(entries) = fs::read_dir("/proc") else {
        return;
    };
    let pid = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    for pid in entries.flatten().filter_map(pid) {
        kill_if(pid, |stat| {
            stat.session == leader.pid && stat.start >= leader.start && groups.contains(&stat.group)
        });
    }
}

fn kill_if(pid: u32, is_meant: impl Fn(&Stat) -> bool) {
    let Some(number) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return;
    };
    if !Stat::of(pid).is_ok_and(|stat| is_meant(&stat)) {
        return;
    }
    // Looked at again once there is a descriptor: what it stands for cannot change any more.
    if let Ok(fd) = pidfd_open(number, PidfdFlags::empty())
        && Stat::of(pid).is_ok_and(|stat| is_meant(&stat))
    {
        let _ = pidfd_send_signal(fd, Signal::KILL);
    }
}
