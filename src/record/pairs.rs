//! Which answer belongs to which request: both get the same number in a recording.

use std::collections::{BTreeMap, VecDeque};

use crate::model::Alias;

/// How many requests without an answer are remembered.
const REMEMBERED: usize = 100_000;

/// The requests whose answers have not come.
#[derive(Default)]
pub(super) struct Pairs {
    open: BTreeMap<Key, u32>,
    /// In the order in which they came; those that were answered too.
    order: VecDeque<(Key, u32)>,
    last: u32,
}

/// The number of the agent, its socket, and what the agent calls the pair.
type Key = (usize, Alias, u64);

impl Pairs {
    /// The number of a request.
    pub(super) fn ask(&mut self, key: Key) -> u32 {
        let number = self.draw();
        self.order.push_back((key.clone(), number));
        self.open.insert(key, number);
        while self.order.len() > REMEMBERED {
            if let Some((key, number)) = self.order.pop_front()
                && self.open.get(&key) == Some(&number)
            {
                self.open.remove(&key);
            }
        }
        number
    }

    /// The number of an answer: that of its request, or one of its own.
    pub(super) fn answer(&mut self, key: &Key) -> u32 {
        match self.open.remove(key) {
            Some(number) => number,
            None => self.draw(),
        }
    }

    fn draw(&mut self) -> u32 {
        self.last = self.last.wrapping_add(1);
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_the_number_of_its_request() {
        let key = |agent, pair| (agent, "ask".parse::<Alias>().unwrap(), pair);
        let mut pairs = Pairs::default();
        assert_eq!(pairs.ask(key(0, 7)), 1);
        assert_eq!(pairs.ask(key(1, 7)), 2);
        assert_eq!(pairs.answer(&key(1, 7)), 2);
        assert_eq!(pairs.answer(&key(0, 7)), 1);
        assert_eq!(pairs.answer(&key(0, 7)), 3, "nobody has asked");
        assert_eq!(pairs.ask(key(0, 7)), 4, "the agent uses it again");
        assert_eq!(pairs.answer(&key(0, 7)), 4);
    }

    #[test]
    fn of_very_many_the_oldest_are_forgotten() {
        let key = |pair| (0, "ask".parse::<Alias>().unwrap(), pair);
        let mut pairs = Pairs::default();
        for pair in 0..=REMEMBERED as u64 {
            pairs.ask(key(pair));
        }
        assert!(pairs.open.len() <= REMEMBERED && pairs.order.len() <= REMEMBERED);
        assert_eq!(pairs.answer(&key(1)), 2);
        assert_eq!(
            pairs.answer(&key(0)),
            u32::try_from(REMEMBERED).unwrap() + 2
        );
    }
}
