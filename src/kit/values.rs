//! What messages have that JSON does not know, as types of Rust: tuples, sets, times and arrays, as agents in Python send
//! and read them (`specs/values.md`).
//!
//! Each stands in a message as an object with one key, and may be a part of any type of your own:
//!
//! ```
//! use osb::kit::Agent;
//! use osb::kit::values::{Array, DateTime, Tuple};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Frame { taken: DateTime, size: Tuple<(u32, u32)>, pixels: Array }
//!
//! let agent = Agent::new(()).handler("frames", |_, frame: Frame| {
//!     let (width, height) = frame.size.items;
//!     Ok((frame.taken.text, width * height, frame.pixels.numbers().map(|it| it.len())))
//! });
//! ```
//!
//! Texts of times are not read further: give them to the crate of your choice. By the serializer `json` Python sends a tuple
//! as a list, which is one of Rust already.

use serde::{Deserialize, Serialize};

use super::Bytes;

/// A type whose only field stands in a message under its key.
macro_rules! tagged {
    ($($(#[$doc:meta])* $name:ident $(<$of:ident>)? { $key:literal $field:ident: $type:ty })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name $(<$of>)? {
            /// What stands there.
            #[serde(rename = $key)]
            pub $field: $type,
        }
    )*};
}

tagged! {
    /// A tuple of Python: `Tuple<(u32, String)>`, or `Tuple<Vec<u32>>` of any length.
    Tuple<T> { "$tuple" items: T }
    /// A set: `Set<BTreeSet<String>>`, or in any other collection.
    Set<T> { "$set" items: T }
    /// A `frozenset`.
    FrozenSet<T> { "$frozenset" items: T }
    /// A date with a time, by ISO 8601, with the offset if there is one.
    DateTime { "$datetime" text: String }
    /// A date, by ISO 8601.
    Date { "$date" text: String }
    /// A time of day, by ISO 8601.
    Time { "$time" text: String }
    /// A duration: days, seconds and microseconds.
    TimeDelta { "$timedelta" parts: (i64, i64, i64) }
    /// A decimal number.
    Decimal { "$decimal" text: String }
    /// An array of numpy: the type of an item, the shape, and the items in C order.
    Array { "$ndarray" parts: (String, Vec<usize>, Bytes) }
}

/// The type of the items of [`Array::of_numbers`], as numpy writes it: 8 bytes each, the lowest first.
const DOUBLES: &str = "<f8";
const WIDTH: usize = 8;

impl Array {
    /// An array of `float64`. None if that is not the count of the shape.
    pub fn of_numbers(shape: Vec<usize>, numbers: &[f64]) -> Option<Self> {
        if shape.iter().product::<usize>() != numbers.len() {
            return None;
        }
        let items: Vec<u8> = numbers.iter().flat_map(|it| it.to_le_bytes()).collect();
        let parts = (DOUBLES.to_owned(), shape, Bytes(items));
        Some(Self { parts })
    }

    /// The items, if they are of the type `float64`.
    pub fn numbers(&self) -> Option<Vec<f64>> {
        let (dtype, _, items) = &self.parts;
        if dtype != DOUBLES {
            return None;
        }
        let chunks = items.chunks_exact(WIDTH);
        let number = |chunk: &[u8]| chunk.try_into().ok().map(f64::from_le_bytes);
        chunks.map(number).collect()
    }

    /// The sizes of its dimensions.
    pub fn shape(&self) -> &[usize] {
        &self.parts.1
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;
    use crate::kit::Agent;
    use crate::model::Serializer;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct All {
        pair: Tuple<(u32, String)>,
        names: Set<BTreeSet<String>>,
        at: DateTime,
        took: TimeDelta,
        frame: Array,
    }

    fn all() -> All {
        All {
            pair: Tuple {
                items: (1, "a".into()),
            },
            names: Set {
                items: ["x".to_owned(), "y".to_owned()].into(),
            },
            at: DateTime {
                text: "2026-01-01T00:00:00".into(),
            },
            took: TimeDelta { parts: (0, 1, 5) },
            frame: Array::of_numbers(vec![2, 1], &[0.5, -1.0]).unwrap(),
        }
    }

    #[test]
    fn they_are_what_agents_in_python_send() {
        let written = json!({
            "pair": { "$tuple": [1, "a"] },
            "names": { "$set": ["x", "y"] },
            "at": { "$datetime": "2026-01-01T00:00:00" },
            "took": { "$timedelta": [0, 1, 5] },
            "frame": { "$ndarray": ["<f8", [2, 1], { "$base64": "AAAAAAAA4D8AAAAAAADwvw==" }] },
        });
        assert_eq!(serde_json::from_value::<All>(written).unwrap(), all());
        assert_eq!(all().frame.numbers(), Some(vec![0.5, -1.0]));
        assert_eq!(all().frame.shape(), [2, 1]);
        assert_eq!(Array::of_numbers(vec![2, 2], &[1.0]), None);
        let other = json!({ "$tuple": [1], "more": 1 });
        assert!(serde_json::from_value::<Tuple<Value>>(other).is_err());
    }

    #[test]
    fn handlers_take_and_send_them() {
        for by in [Serializer::Json, Serializer::Msgpack] {
            let mut agent = Agent::new(())
                .handler("inbox", |agent, all: All| Ok(agent.send("out", all)?))
                .test();
            agent.serializer(by);
            agent.message("inbox", all()).unwrap();
            let sent: Vec<All> = agent.sent_by("out").unwrap();
            assert_eq!(sent, [all()], "{by}");
        }
    }
}
