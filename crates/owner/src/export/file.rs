//! One MP4 being written: the media as they come, the index in front of them at the end, the name
//! last.

use super::{ExportError, ExportedFile};
use container::export::Exporter;
use host::durable::{Target, Unfinished};
use ring::digest;

/// One run.
pub(super) struct Clip {
    to: Target,
    exporter: Exporter,
    media: Unfinished,
    /// So far.
    file: ExportedFile,
}

impl Clip {
    pub(super) fn create(to: Target, init: &[u8]) -> Result<Self, ExportError> {
        to.check()?;
        let (exporter, media) = (Exporter::new(init)?, Unfinished::create(to.path())?);
        let path = to.path().to_owned();
        let file = ExportedFile { path, from_us: 0, to_us: 0, segments: 0, bytes: 0, sha256: String::new() };
        Ok(Self { to, exporter, media, file })
    }

    pub(super) fn add(&mut self, fragment: &[u8]) -> Result<(), ExportError> {
        let media = self.exporter.add(fragment)?;
        Ok(self.media.write(&media)?)
    }

    /// Notes a whole segment.
    pub(super) fn segment(&mut self, from_us: u64, to_us: u64) {
        if self.file.segments == 0 {
            self.file.from_us = from_us;
        }
        self.file.to_us = self.file.to_us.max(to_us);
        self.file.segments += 1;
    }

    /// Puts the index before the media, and gives the file its name.
    pub(super) fn finish(self) -> Result<ExportedFile, ExportError> {
        let head = self.exporter.finish()?;
        let mut file = self.file;
        let mut whole = Unfinished::create(&file.path)?;
        let mut hash = digest::Context::new(&digest::SHA256);
        file.bytes = head.len() as u64;
        hash.update(&head);
        whole.write(&head)?;
        self.media.hand_over(|piece| {
            hash.update(piece);
            file.bytes += piece.len() as u64;
            whole.write(piece)
        })?;
        self.to.take(whole)?;
        file.sha256 = hex::encode(hash.finish());
        Ok(file)
    }
}
