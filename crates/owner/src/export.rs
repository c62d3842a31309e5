//! Export.

use crate::live::{Event, WatchError};
use crate::{Owner, Span};
use std::path::{Path, PathBuf};

/// A finished export. A span that crosses a change of codec, resolution or clock has one file for each run.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Exported {
    pub files: Vec<ExportedFile>,
    pub gaps: Vec<Gap>,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ExportedFile {
    pub path: PathBuf,
    /// Where the first key frame at or before the asked start lies: the cut.
    pub from_us: u64,
    pub to_us: u64,
    pub segments: u64,
    pub bytes: u64,
    /// SHA-256 of the file, hex.
    pub sha256: String,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Gap {
    pub from_us: u64,
    pub to_us: u64,
    pub reason: String,
}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    #[error(transparent)]
    Watch(#[from] WatchError),
}

/// Writes a recorded span as a plain faststart MP4. The same span twice gives the same bytes.
pub async fn export(
    _owner: &Owner,
    _camera: &str,
    _span: Span,
    _to: &Path,
    _on: &mut (dyn FnMut(Event) + Send),
) -> Result<Exported, ExportError> {
    todo!()
}
