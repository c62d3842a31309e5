//! What lies where in the data folder of a trustee. `init` alone makes it, mode 0700.
//!
//! ```text
//! lock               held by the one process
//! note.key           the key that signs grants and day keys
//! auto-approve.key   only where the configuration says auto_approve: for tests and the demo
//! ledger.redb        what was granted and refused, and the head that the log was followed to
//! days/              private day keys (removed after retention) and what was published of them
//! pending/           packages that wait for a human or for their time
//! approvals/         notes that clerks sign by `approve` and `deny`, for the running process
//! evidence/          those notes once they were taken in; packages with a share that does not match
//!                    the camera's commitment
//! ```

use host::durable::DurableError;
use std::io::ErrorKind;
use std::path::Path;

pub(crate) const KEY: &str = "note.key";
pub(crate) const AUTO_KEY: &str = "auto-approve.key";
pub(crate) const LEDGER: &str = "ledger.redb";
pub(crate) const DAYS: &str = "days";
/// In [`DAYS`]: somebody restored the folder.
pub(crate) const RESTORED: &str = "restored";
pub(crate) const PENDING: &str = "pending";
pub(crate) const APPROVALS: &str = "approvals";
pub(crate) const EVIDENCE: &str = "evidence";

/// The folders in it.
pub(crate) const FOLDERS: [&str; 4] = [DAYS, PENDING, APPROVALS, EVIDENCE];

/// The names of the files in a folder that must be there.
pub(crate) fn list(folder: &Path) -> Result<Vec<String>, DurableError> {
    let at = |error: std::io::Error| match error.kind() == ErrorKind::NotFound {
        true => DurableError::NoFolder { path: folder.to_owned() },
        false => DurableError::at(folder, error),
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(at)? {
        // A name that is no text is none of ours.
        names.extend(entry.map_err(at)?.file_name().into_string());
    }
    Ok(names)
}
