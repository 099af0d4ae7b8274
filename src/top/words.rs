//! Numbers in few characters.

/// `0`, `2.5`, `317`, `48k`, `1.2M`.
pub(super) fn rate(each_second: f64) -> String {
    match each_second {
        it if it <= 0.0 => "0".to_owned(),
        it if it < 9.95 => format!("{it:.1}"),
        it if it < 9_999.5 => format!("{it:.0}"),
        it if it < 999_500.0 => format!("{:.0}k", it / 1e3),
        it if it < 9.95e6 => format!("{:.1}M", it / 1e6),
        it => format!("{:.0}M", it / 1e6),
    }
}

/// Of one processor, in a hundred: `0.0`, `2.5`, `37`.
pub(super) fn percent(share: f64) -> String {
    match share * 100.0 {
        it if it < 9.95 => format!("{:.1}", it.max(0.0)),
        it => format!("{it:.0}"),
    }
}

/// `812`, `48k`, `1.2M`, `36M`, `1.5G`: a kilobyte has 1024 bytes, as memory has.
#[allow(clippy::cast_precision_loss, reason = "it is rounded")]
pub fn bytes(bytes: u64) -> String {
    const STEPS: [(f64, &str); 4] = [
        (1099511627776.0, "T"),
        (1073741824.0, "G"),
        (1048576.0, "M"),
        (1024.0, "k"),
    ];
    let bytes = bytes as f64;
    match STEPS.iter().find(|(step, _)| bytes >= *step) {
        None => format!("{bytes:.0}"),
        Some((step, unit)) if bytes / step < 9.95 => format!("{:.1}{unit}", bytes / step),
        Some((step, unit)) => format!("{:.0}{unit}", bytes / step),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (number, word) in [
            (0.0, "0"),
            (0.26, "0.3"),
            (9.96, "10"),
            (317.4, "317"),
            (9_999.4, "9999"),
            (48_100.0, "48k"),
            (1_234_567.0, "1.2M"),
            (45e6, "45M"),
        ] {
            assert_eq!(rate(number), word);
        }
        assert_eq!(percent(0.0), "0.0");
        assert_eq!(percent(0.025), "2.5");
        assert_eq!(percent(1.37), "137");
        assert_eq!(bytes(812), "812");
        assert_eq!(bytes(49_152), "48k");
        assert_eq!(bytes(1_258_291), "1.2M");
        assert_eq!(bytes(3 << 30), "3.0G");
    }
}
