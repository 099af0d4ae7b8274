//! The numbers of data sockets and of their connections: what is out of date finds nothing.

/// The number of a data socket, which no other socket of this agent ever has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SlotId {
    pub(super) index: usize,
    /// How many sockets have stood at that index before it.
    pub(super) generation: u64,
}

#[cfg(test)]
impl SlotId {
    /// Two numbers, for tests that need no sockets.
    pub(crate) fn two() -> [Self; 2] {
        [0, 1].map(|index| Self {
            index,
            generation: 0,
        })
    }
}

/// The number of a connection among those of its socket. It stays that of the connection to the same
/// target, wherever that moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LinkId(pub(super) usize);

/// A connection by its numbers: that of its socket, and its own there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LinkAt {
    pub socket: SlotId,
    pub link: LinkId,
}

impl LinkAt {
    /// The numbers of all connections that the socket can have.
    pub(crate) fn all_of(socket: SlotId) -> std::ops::RangeInclusive<Self> {
        let at = |link| Self {
            socket,
            link: LinkId(link),
        };
        at(usize::MIN)..=at(usize::MAX)
    }
}

#[cfg(test)]
impl LinkAt {
    pub(crate) fn nth(socket: SlotId, link: usize) -> Self {
        let link = LinkId(link);
        Self { socket, link }
    }
}
