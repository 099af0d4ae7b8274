//! Text of others for a terminal: it may be coloured, and nothing else.

/// The text, in which characters that would do something to a terminal are written out, but for sequences that colour.
pub fn harmless(text: &str) -> String {
    if !text.contains(is_harmful) {
        return text.to_owned();
    }
    let mut harmless = String::with_capacity(text.len());
    let (mut rest, mut coloured) = (text, false);
    while let Some(c) = rest.chars().next() {
        let length = match colour(rest) {
            Some(sequence) => {
                coloured = true;
                harmless.push_str(sequence);
                sequence.len()
            }
            None => {
                match is_harmful(c) {
                    true => harmless.extend(c.escape_default()),
                    false => harmless.push(c),
                }
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    if coloured {
        // What comes next is not this text's to colour.
        harmless.push_str("\u{1b}[0m");
    }
    harmless
}

fn is_harmful(c: char) -> bool {
    c.is_control() && c != '\t'
}

/// The sequence at the beginning, if it colours: `ESC [ 1 ; 31 m`.
fn colour(text: &str) -> Option<&str> {
    let numbers = text.strip_prefix("\u{1b}[")?;
    let end = numbers.find(|c: char| !(c.is_ascii_digit() || matches!(c, ';' | ':')))?;
    let is_colour = numbers[end..].starts_with('m');
    is_colour.then(|| &text[..2 + end + 1])
}
