//! One MP4 being written: the media as they come, the index in front of them at the end, the name
//! last.

use super::{ExportError, ExportedFile};
use container::export::Exporter;
use host::durable::Unfinished;
use ring::digest;
use std::path::{Path, PathBuf};

/// One run.
pub(super) struct Clip {
    path: PathBuf,
    exporter: Exporter,
    media: Unfinished,
    from_us: Option<u64>,
    to_us: u64,
    segments: u64,
}

impl Clip {
    pub(super) fn create(path: &Path, init: &[u8]) -> Result<Self, ExportError> {
        Ok(Self {
            path: path.to_owned(),
            exporter: Exporter::new(init)?,
            media: Unfinished::create(path)?,
            from_us: None,
            to_us: 0,
            segments: 0,
        })
    }

    pub(super) fn add(&mut self, fragment: &[u8]) -> Result<(), ExportError> {
        let media = self.exporter.add(fragment)?;
        Ok(self.media.write(&media)?)
    }

    /// Notes a whole segment.
    pub(super) fn segment(&mut self, from_us: u64, to_us: u64) {
        self.from_us.get_or_insert(from_us);
        self.to_us = self.to_us.max(to_us);
        self.segments += 1;
    }

    /// Puts the index before the media, and gives the file its name.
    pub(super) fn finish(self) -> Result<ExportedFile, ExportError> {
        let head = self.exporter.finish()?;
        let mut whole = Unfinished::create(&self.path)?;
        let mut hash = digest::Context::new(&digest::SHA256);
        let mut bytes = head.len() as u64;
        hash.update(&head);
        whole.write(&head)?;
        self.media.hand_over(|piece| {
            hash.update(piece);
            bytes += piece.len() as u64;
            whole.write(piece)
        })?;
        whole.rename(&self.path)?;
        Ok(ExportedFile {
            path: self.path,
            from_us: self.from_us.unwrap_or(0),
            to_us: self.to_us,
            segments: self.segments,
            bytes,
            sha256: hex::encode(hash.finish()),
        })
    }
}
