//! When a log goes on in a new file, and what has been lost of it. Pure: files are the driver's.

use crate::model::LogLimits;

/// What is to be done before an entry is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Before {
    Nothing,
    /// The file is full: the entry is to be the first of a new one.
    Rotate,
}

/// A file of a log that is written to.
#[derive(Debug)]
pub(crate) struct Rotation {
    limits: LogLimits,
    /// How much is in the file.
    size: u64,
    lost: Option<Lost>,
}

/// What could not be written since something last could.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lost {
    pub lines: u64,
    /// Why the last of them could not.
    pub reason: String,
}

impl Rotation {
    pub(crate) fn new(limits: LogLimits, size: u64) -> Self {
        Self {
            limits,
            size,
            lost: None,
        }
    }

    /// How many files are kept beside the one that is written to.
    pub(crate) fn kept(&self) -> usize {
        usize::try_from(self.limits.max_files.saturating_sub(1)).unwrap_or(usize::MAX)
    }

    /// An entry that is larger than a file may be has one for itself.
    pub(crate) fn before(&self, entry: u64) -> Before {
        let over = self.size.saturating_add(entry) > self.limits.max_size.bytes();
        match over && self.size > 0 {
            true => Before::Rotate,
            false => Before::Nothing,
        }
    }

    /// The size of the file as it was found: a new one, or one that another program has cut.
    pub(crate) fn found(&mut self, size: u64) {
        self.size = size;
    }

    pub(crate) fn wrote(&mut self, bytes: u64) {
        self.size += bytes;
    }

    pub(crate) fn failed(&mut self, lines: u64, reason: String) {
        let before = self.lost.take().map_or(0, |lost| lost.lines);
        let lines = before + lines;
        self.lost = Some(Lost { lines, reason });
    }

    /// What is to be told before anything else is written.
    pub(crate) fn lost(&self) -> Option<&Lost> {
        self.lost.as_ref()
    }

    /// It has been told.
    pub(crate) fn told(&mut self) {
        self.lost = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limits(max_size: &str, max_files: u32) -> LogLimits {
        LogLimits {
            max_size: max_size.parse().unwrap(),
            max_files,
        }
    }

    #[test]
    fn what_is_lost_is_counted_until_it_is_told() {
        let mut rotation = Rotation::new(limits("1k", 5), 0);
        rotation.failed(2, "full".into());
        rotation.failed(1, "still full".into());
        let (lines, reason) = (3, "still full".to_owned());
        assert_eq!(rotation.lost(), Some(&Lost { lines, reason }));
        rotation.told();
        assert_eq!(rotation.lost(), None);
    }

    proptest! {
        /// Whatever is written, no file grows beyond the limit but for an entry that is larger itself.
        #[test]
        fn no_file_is_too_large(entries in prop::collection::vec(1_u64..2000, 0..100)) {
            let mut rotation = Rotation::new(limits("1k", 5), 0);
            let mut size = 0;
            for entry in entries {
                if rotation.before(entry) == Before::Rotate {
                    prop_assert!(size > 0);
                    rotation.found(0);
                    size = 0;
                }
                rotation.wrote(entry);
                size += entry;
                prop_assert!(size <= 1024 || size == entry);
            }
        }
    }
}
