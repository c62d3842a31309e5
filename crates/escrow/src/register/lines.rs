//! Who signed an entry: exactly the lines that its kind needs, in their order, and then the log's stamp.
//! Contract: `proto/release.md#leaves`.

use crate::record::Signed;
use tlog::note::Verifier;

// SPEC: release.md#leaves: an entry MUST have exactly the lines of its kind, in the order of the
// table, and then the stamp; any other counts for nothing.
/// Whether an entry has so many lines of signers.
pub(super) fn are_so_many<T>(entry: &Signed<T>, signers: usize) -> bool {
    entry.signatures().len().checked_sub(1) == Some(signers)
}

/// Whether an entry is by these keys, each with the line of its place, and by nobody else.
pub(super) fn are_by<T>(entry: &Signed<T>, signers: &[&Verifier]) -> bool {
    are_so_many(entry, signers.len())
        && signers.iter().enumerate().all(|(place, key)| entry.is_line_by(place, key))
}
