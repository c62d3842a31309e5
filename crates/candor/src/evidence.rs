//! An evidence file on disk, verified.

use anyhow::Context as _;
use escrow::evidence::{FileVerification, Verified};
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

/// Verifies a whole evidence file, one part in memory at a time.
pub(crate) fn verify(path: &Path) -> anyhow::Result<Verified> {
    let mut file = BufReader::new(File::open(path).with_context(|| path.display().to_string())?);
    let mut verification = FileVerification::default();
    loop {
        let mut bytes = Vec::new();
        file.by_ref().take(verification.wanted() as u64).read_to_end(&mut bytes)?;
        if let Some(verified) = verification.feed(bytes)? {
            return Ok(verified);
        }
    }
}
