//! Sections of which a part may be unreadable.

/// What could be read of a section, and whether that is not all of it.
pub(super) struct Partial<T> {
    pub read: Vec<T>,
    pub missing: bool,
}

impl<T> Partial<T> {
    pub(crate) fn of(all: impl Iterator<Item = Option<T>>) -> Self {
        let (mut read, mut missing) = (Vec::new(), false);
        for item in all {
            missing |= item.is_none();
            read.extend(item);
        }
        Self { read, missing }
    }

    pub(crate) fn unreadable() -> Self {
        Self {
            read: Vec::new(),
            missing: true,
        }
    }
}
