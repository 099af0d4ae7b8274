//! Numbers, and how much is kept.
//!
//! What happens to keys is in files of its own, so that no member can push it out by asking for much.

use crate::model::Term;
use crate::wire::{Happening, Note, Outcome, Record};

/// No line of the journal is longer, in bytes.
pub(crate) const LONGEST_LINE: usize = 4 << 10;
/// No text that a member has chosen is longer, in bytes.
const LONGEST_TEXT: usize = 160;

/// For how long an event is kept, which is where it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// What happened to keys that last.
    Long,
    /// What was asked for, and keys of a run.
    Short,
}

impl Keep {
    pub(crate) const ALL: [Keep; 2] = [Keep::Long, Keep::Short];

    fn of(what: &Happening) -> Self {
        match what {
            Happening::Admitted {
                term: Term::Run, ..
            } => Keep::Short,
            Happening::Admitted { .. }
            | Happening::Joined { .. }
            | Happening::Rotated { .. }
            | Happening::NameserverRotated { .. }
            | Happening::Revoked { .. }
            | Happening::Expired { .. } => Keep::Long,
            Happening::Began { .. }
            | Happening::Asked { .. }
            | Happening::TurnedAway { .. }
            | Happening::Unknown => Keep::Short,
        }
    }

    /// The name of its files, and how large one becomes: one that is full is kept until the next one is.
    pub(crate) fn file(self) -> (&'static str, u64) {
        match self {
            Keep::Long => ("keys", 4 << 20),
            Keep::Short => ("deeds", 32 << 20),
        }
    }
}

/// What to do with an event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub keep: Keep,
    /// The file is full: it takes the place of the one before it, and another is begun.
    pub turn: bool,
    pub line: Vec<u8>,
}

/// Where the journal stands.
#[derive(Debug)]
pub(crate) struct Book {
    last: u64,
    sizes: [u64; 2],
}

impl Book {
    /// As it was left: the last number, and how long the files are, as in [`Keep::ALL`].
    pub(crate) fn resume(last: u64, sizes: [u64; 2]) -> Self {
        Self { last, sizes }
    }

    pub(crate) fn write(&mut self, note: Note, at: String) -> Page {
        // A number in a spoilt file may be the last one that there is.
        self.last = self.last.saturating_add(1);
        let keep = Keep::of(&note.what);
        let note = Note {
            what: cut(note.what),
            ..note
        };
        let n = self.last;
        let mut line = serde_json::to_vec(&Record { n, at, note }).unwrap_or_default();
        line.push(b'\n');
        let size = &mut self.sizes[keep as usize];
        let turn = *size > 0 && *size + line.len() as u64 > keep.file().1;
        *size = line.len() as u64 + if turn { 0 } else { *size };
        Page { keep, turn, line }
    }

    /// A line could not be written: the file is as long as that.
    pub(crate) fn torn(&mut self, keep: Keep, size: u64) {
        self.sizes[keep as usize] = size;
    }

    pub(crate) fn size(&self, keep: Keep) -> u64 {
        self.sizes[keep as usize]
    }
}

/// Texts that others have chosen, no longer than they may be.
fn cut(what: Happening) -> Happening {
    match what {
        Happening::Asked {
            verb,
            on,
            outcome,
            times,
        } => Happening::Asked {
            verb: shorter(verb),
            on: on.map(shorter),
            outcome: match outcome {
                Outcome::Refused { reason } => Outcome::Refused {
                    reason: shorter(reason),
                },
                Outcome::Allowed => Outcome::Allowed,
            },
            times,
        },
        other => other,
    }
}

fn shorter(mut text: String) -> String {
    if text.len() > LONGEST_TEXT {
        let end = (0..=LONGEST_TEXT)
            .rev()
            .find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or_default());
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Holder, PublicKey};
    use proptest::prelude::*;

    fn asked(on: &str) -> Note {
        Note {
            who: None,
            from: None,
            what: Happening::Asked {
                verb: "get_attr".into(),
                on: Some(on.into()),
                outcome: Outcome::Allowed,
                times: 1,
            },
        }
    }

    fn revoked() -> Note {
        let (key, holder) = (
            PublicKey::of([7; 32]),
            Holder::Agent("Bob".parse().unwrap()),
        );
        Note {
            who: None,
            from: None,
            what: Happening::Revoked { key, holder },
        }
    }

    fn write(book: &mut Book, note: Note) -> Page {
        book.write(note, "2026-11-23T05:15:00.123Z".into())
    }

    #[test]
    fn what_happens_to_keys_is_not_pushed_out_by_what_is_asked_for() {
        let mut book = Book::resume(0, [0, 0]);
        assert_eq!(write(&mut book, revoked()).keep, Keep::Long);
        let limit = Keep::Short.file().1;
        let mut turns = 0;
        let mut written = 0;
        while turns < 3 {
            let page = write(&mut book, asked("Alice"));
            assert_eq!(page.keep, Keep::Short);
            written += page.line.len() as u64;
            turns += u64::from(page.turn);
            assert!(book.size(Keep::Short) <= limit);
        }
        assert!(written > 3 * (limit - LONGEST_LINE as u64));
        assert!(!write(&mut book, revoked()).turn);
    }

    proptest! {
        /// Whatever a member calls what it asks for, a line is a line, and short, and says its number first.
        #[test]
        fn no_text_makes_a_line_long(verb in "\\PC{0,300}", on: String, reason: String, n in 0_u64..u64::MAX - 1) {
            let mut note = asked(&on);
            note.what = Happening::Asked {
                verb: verb.repeat(20),
                on: Some(on.repeat(20)),
                outcome: Outcome::Refused { reason },
                times: n,
            };
            let page = write(&mut Book::resume(n, [0, 0]), note);
            prop_assert!(page.line.len() <= LONGEST_LINE);
            prop_assert_eq!(page.line.iter().filter(|byte| **byte == b'\n').count(), 1);
            let begin = format!("{{\"n\":{},", n + 1);
            prop_assert!(page.line.starts_with(begin.as_bytes()));
            let record: Record = serde_json::from_slice(&page.line).unwrap();
            prop_assert_eq!(record.n, n + 1);
        }
    }
}
