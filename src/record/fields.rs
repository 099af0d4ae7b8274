//! The fields of MCAP's records, as far as they are read: little-endian numbers, texts and maps of texts behind their lengths.

use std::collections::BTreeMap;

/// What is left of a record.
pub(super) struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let bytes = self.long()?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    pub(super) fn map(&mut self) -> Option<BTreeMap<String, String>> {
        let mut inside = Fields(self.long()?);
        let mut map = BTreeMap::new();
        while !inside.0.is_empty() {
            map.insert(inside.text()?, inside.text()?);
        }
        Some(map)
    }

    /// A record: what it is, and what is in it.
    pub(super) fn record(&mut self) -> Option<(u8, &'a [u8])> {
        let [code] = self.take()?;
        let len = usize::try_from(self.u64()?).ok()?;
        Some((code, self.bytes(len)?))
    }

    pub(super) fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    fn long(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.u32()?).ok()?;
        self.bytes(len)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }
}
