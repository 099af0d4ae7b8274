//! Which signals this process ignores because the process that started it wants that.

use std::fs;

/// Whether this process ignores a signal, as one that `nohup` has started ignores SIGHUP. One of which the
/// kernel says nothing is taken for heard.
pub fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    is_in_mask(&status, signal)
}

fn is_in_mask(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|it| it.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|it| u64::from_str_radix(it.trim(), 16).ok());
    let bit = u32::try_from(signal - 1).ok();
    mask.zip(bit)
        .is_some_and(|(mask, bit)| mask.checked_shr(bit).unwrap_or(0) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_the_kernel_is_read() {
        let status = "Name:\tosb\nSigBlk:\t0000000000000004\nSigIgn:\t0000000000001001\n";
        assert!(is_in_mask(status, 1) && is_in_mask(status, 13));
        assert!(!is_in_mask(status, 3) && !is_in_mask(status, 0) && !is_in_mask(status, 100));
        assert!(!is_in_mask("", 1));
    }
}
