//! What libzmq asks at a handshake.

use osb::zeromq::Question;

/// Frames, each with its length in a byte before it.
pub fn zap(bytes: &[u8]) {
    let mut frames = Vec::new();
    let mut rest = bytes;
    while let [length, after @ ..] = rest {
        let (frame, next) = after.split_at(after.len().min((*length).into()));
        frames.push(frame.to_vec());
        rest = next;
    }
    match Question::of(&frames) {
        Question::Ours(handshake) => {
            assert_eq!(
                (&frames[2][..], &frames[7][..]),
                (&b"1.0"[..], &b"CURVE"[..])
            );
            assert_eq!(&frames[8][..], &handshake.key.as_bytes()[..]);
            let said = format!("{}#", handshake.address);
            let cookie = std::str::from_utf8(&frames[5]).ok();
            let cookie = cookie.and_then(|text| text.strip_prefix(&said));
            let cookie = cookie.expect("address and cookie are as they were said");
            let numbers = cookie.split('#');
            assert_eq!(
                numbers.clone().count(),
                1 + usize::from(handshake.server_key.is_some())
            );
            for digits in numbers {
                assert!(!digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit()));
            }
            assert_eq!(frames.len(), 9);
        }
        Question::Foreign(_) => assert!(frames.len() >= 8),
        Question::Nothing => assert!(frames.len() < 8),
    }
}
