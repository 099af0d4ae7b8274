//! From bytes to text: what is no text, and no text that YAML could be in, is refused here, where
//! it can still be said why.

use super::LARGEST;
use super::review::Flaw;

/// What is wrong, and the part of the file that is text, to look its place up in.
type Unreadable<'b> = (&'b str, Flaw);

/// The text in `bytes`.
pub(super) fn as_text(bytes: &[u8]) -> Result<&str, Unreadable<'_>> {
    if bytes.len() > LARGEST {
        let message = format!(
            "the file has {} bytes; a topology has {LARGEST} at most",
            bytes.len()
        );
        return Err(("", Flaw::new(&(0..0), message)));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let flaw = Flaw::new(&(0..0), "the file is UTF-16, not UTF-8");
        return Err(("", flaw.hint("save it as UTF-8")));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| not_utf8(bytes, error.valid_up_to()))?;
    match text.char_indices().find(|(_, c)| is_forbidden(*c)) {
        Some((at, c)) => Err((text, forbidden(at, c))),
        None => Ok(text),
    }
}

fn not_utf8(bytes: &[u8], at: usize) -> Unreadable<'_> {
    let readable = std::str::from_utf8(&bytes[..at]).unwrap_or_default();
    let message = format!("the byte 0x{:02x} here is no UTF-8", bytes[at]);
    (
        readable,
        Flaw::new(&(at..at), message).hint("save the file as UTF-8"),
    )
}

/// YAML allows no control characters but tab and line breaks.
fn is_forbidden(c: char) -> bool {
    c == '\u{feff}' || (c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}'))
}

fn forbidden(at: usize, c: char) -> Flaw {
    let span = at..at + c.len_utf8();
    match (c, at) {
        ('\u{feff}', 0) => Flaw::new(&span, "the file begins with a byte order mark")
            .hint("save it as UTF-8 without a byte order mark (BOM)"),
        _ => Flaw::new(
            &span,
            format!("the character U+{:04X} may not stand in YAML", c as u32),
        )
        .hint("take it away; in double quotes it can be written as an escape"),
    }
}
