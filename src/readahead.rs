//! What to read from disk before it is asked for.

use crate::format::index::Extent;

/// The most bytes of one record that its first read requests from disk.
const WHOLE_RECORD_MAX: u64 = 1 << 20;

/// What to request from disk for a read of `part` of `record`: the whole record (up to 1 MiB) at
/// its beginning, because who opens a record reads it; later exactly what is read, since the
/// kernel's own readahead on the mount already asks ahead in a long record.
pub fn record_window(record: Extent, part: Extent) -> Extent {
    match part.start() == record.start() {
        true => record.part(0, part.len().max(WHOLE_RECORD_MAX)),
        false => part,
    }
}
