//! Refusals that repeat: the first is told at once, those of the minute after it as one, with their number. So
//! nobody fills the journal by being refused.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use crate::access::KeyId;
use crate::wire::Note;

/// For how long refusals are counted.
const WINDOW: Duration = Duration::from_secs(60);
/// So many who are refused are told apart.
const MOST: usize = 4096;

/// Whose refusals are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Whose {
    /// Peers from an address that were not admitted, whatever their keys.
    Stranger(Option<IpAddr>),
    /// What a member asked for.
    Member(KeyId, String),
    /// All for whom there is no room.
    Others,
}

#[derive(Debug)]
struct Repeated {
    note: Note,
    times: u64,
}

/// Those who were refused in the last minute.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    of: HashMap<Whose, Repeated>,
    /// When each is told of, the first first.
    ends: VecDeque<(Duration, Whose)>,
}

impl Repeats {
    /// A refusal. Gives it back if it is to be told at once.
    pub(crate) fn note(&mut self, whose: Whose, note: Note, now: Duration) -> Option<Note> {
        let whose = match self.of.len() < MOST || self.of.contains_key(&whose) {
            true => whose,
            false => Whose::Others,
        };
        if let Some(repeated) = self.of.get_mut(&whose) {
            repeated.times += 1;
            return None;
        }
        let first = Repeated {
            note: note.clone(),
            times: 0,
        };
        self.of.insert(whose.clone(), first);
        self.ends.push_back((now + WINDOW, whose));
        Some(note)
    }

    /// When [`Repeats::due`] has something to say, at the earliest.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.ends.front().map(|(at, _)| *at)
    }

    /// What was refused again in a minute that is over.
    pub(crate) fn due(&mut self, now: Duration) -> Vec<Note> {
        let mut due = Vec::new();
        while self.next().is_some_and(|at| at <= now) {
            let Some((_, whose)) = self.ends.pop_front() else {
                break;
            };
            if let Some(Repeated { note, times }) = self.of.remove(&whose)
                && times > 0
            {
                let what = note.what.repeated(times);
                due.push(Note { what, ..note });
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PublicKey;
    use crate::wire::Happening;

    fn refused() -> Note {
        Note {
            who: None,
            from: None,
            what: Happening::TurnedAway {
                key: PublicKey::of([1; 32]),
                reason: "the key is unknown".into(),
                times: 1,
            },
        }
    }

    fn times(notes: &[Note]) -> Vec<u64> {
        let times = |note: &Note| match note.what {
            Happening::TurnedAway { times, .. } => times,
            _ => 0,
        };
        notes.iter().map(times).collect()
    }

    #[test]
    fn the_first_is_told_at_once_and_the_others_by_their_number() {
        let mut repeats = Repeats::default();
        let here = Whose::Stranger("10.0.0.1".parse().ok());
        let (one, minute) = (Duration::from_secs(1), WINDOW);
        assert!(repeats.note(here.clone(), refused(), one).is_some());
        for _ in 0..7 {
            assert!(repeats.note(here.clone(), refused(), 2 * one).is_none());
        }
        assert!(
            repeats
                .note(Whose::Stranger(None), refused(), 2 * one)
                .is_some()
        );
        assert_eq!(repeats.next(), Some(one + minute));
        assert!(repeats.due(minute).is_empty());
        // Who was refused once has been told of.
        assert_eq!(times(&repeats.due(3 * minute)), [7]);
        assert_eq!(repeats.next(), None);
        assert!(repeats.note(here, refused(), 4 * minute).is_some());
    }

    #[test]
    fn however_many_are_refused_few_are_remembered() {
        let mut repeats = Repeats::default();
        let mut told = 0;
        for n in 0..100_000_u32 {
            let from = Whose::Stranger(Some(IpAddr::V4(n.into())));
            told += usize::from(repeats.note(from, refused(), Duration::ZERO).is_some());
        }
        assert_eq!(told, MOST + 1);
        assert_eq!(repeats.of.len(), MOST + 1);
        let rest = repeats.due(WINDOW);
        assert_eq!(times(&rest), [100_000 - MOST as u64 - 1]);
    }
}
