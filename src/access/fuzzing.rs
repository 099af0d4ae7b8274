//! Quotas of members, for the fuzz targets; nothing else is to use it.

use std::time::Duration;

use super::KeyId;
use super::quota::{Used, pace};
use crate::model::{Access, Quota};

/// What members have used of their quotas.
#[derive(Default)]
pub struct Quotas(Used);

impl Quotas {
    /// One more, if that member may have it now.
    pub fn take(&mut self, member: u32, level: Access, quota: Quota, now: Duration) -> bool {
        self.0.take(KeyId(member), level, quota, now)
    }
}

/// How many a second, and how many at once. None: as many as it likes.
pub fn may_have(quota: Quota, level: Access) -> Option<(u32, u32)> {
    pace(quota, level).map(|pace| (pace.each_second, pace.at_once))
}
