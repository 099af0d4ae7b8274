//! Text from elsewhere that is shown on a terminal.

use osb::model::{harmless, harmless_in_colour, harmless_line};

/// Any text.
pub fn terminal(bytes: &[u8]) {
    let text = &*String::from_utf8_lossy(bytes);
    let shown = harmless(text);
    assert!(!shown.contains(does_something), "{shown:?}");
    assert_eq!(harmless(&shown), shown);
    let line = harmless_line(text);
    assert!(!line.contains(does_something) && !line.contains('\n'));
    assert_eq!(harmless_line(&line), line);
    let coloured = harmless_in_colour(text);
    assert_eq!(
        harmless(&without_colours(&coloured)),
        without_colours(&coloured)
    );
    assert_eq!(harmless_in_colour(&coloured), coloured);
    if !text.contains(does_something) {
        assert!(shown == text && coloured == text);
    }
    let json = serde_json::to_string(text).expect("text is JSON");
    assert_eq!(
        serde_json::from_str::<String>(&harmless(&json))
            .ok()
            .as_deref(),
        Some(text)
    );
}

/// C0, DEL and C1 but for tabs and ends of lines, and what turns the direction of other characters.
fn does_something(c: char) -> bool {
    match c {
        '\t' | '\n' => false,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => true,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        _ => false,
    }
}

/// The text without `ESC [ numbers m`. No colour is left when it ends.
fn without_colours(text: &str) -> String {
    let mut pieces = text.split('\u{1b}');
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    let mut last = "";
    for piece in pieces {
        let numbers = piece.strip_prefix('[').expect("nothing else than a colour");
        let (numbers, rest) = numbers.split_once('m').expect("it is whole");
        assert!(
            numbers
                .chars()
                .all(|c| c.is_ascii_digit() || ";:".contains(c))
        );
        plain.push_str(rest);
        last = numbers;
    }
    assert!(matches!(last, "" | "0"), "the colour {last} goes on");
    plain
}
