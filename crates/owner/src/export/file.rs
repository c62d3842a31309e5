//! One MP4 being written: the media as they come, the index in front of them at the end, the name last.

use super::{ExportError, ExportedFile};
use container::export::Exporter;
use host::durable::{self, DurableError};
use ring::digest;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes that are copied and hashed at once.
const PIECE: usize = 256 << 10;

/// One run.
pub(super) struct Clip {
    path: PathBuf,
    exporter: Exporter,
    media: Temporary,
    from_us: Option<u64>,
    to_us: u64,
    segments: u64,
}

impl Clip {
    pub(super) fn create(path: &Path, init: &[u8]) -> Result<Self, ExportError> {
        Ok(Self {
            path: path.to_owned(),
            exporter: Exporter::new(init)?,
            media: Temporary::create(path)?,
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
        let at = |error: io::Error| DurableError::at(&self.path, error);
        let mut media = self.media.rewound().map_err(at)?;
        let mut whole = Temporary::create(&self.path)?;
        let mut hash = digest::Context::new(&digest::SHA256);
        let mut bytes = head.len() as u64;
        hash.update(&head);
        whole.write(&head)?;
        let mut piece = vec![0; PIECE];
        loop {
            let read = media.file.get_mut().read(&mut piece).map_err(at)?;
            let Some(got) = piece.get(..read).filter(|got| !got.is_empty()) else { break };
            hash.update(got);
            whole.write(got)?;
            bytes += got.len() as u64;
        }
        drop(media);
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

/// A file that is gone when it is dropped, unless it got its name.
struct Temporary {
    path: PathBuf,
    file: BufWriter<File>,
    kept: bool,
}

impl Temporary {
    /// In the folder of `beside`, under a name that nobody takes for a finished one.
    fn create(beside: &Path) -> Result<Self, DurableError> {
        let name = beside.file_name().unwrap_or_default().to_string_lossy();
        let suffix = hex::encode(host::rng::bytes::<8>());
        let path = beside.with_file_name(format!(".{name}.{suffix}.part"));
        let opened = File::options().read(true).write(true).create_new(true).open(&path);
        let file = BufWriter::new(opened.map_err(|error| DurableError::at(beside, error))?);
        Ok(Self { path, file, kept: false })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), DurableError> {
        self.file.write_all(bytes).map_err(|error| DurableError::at(&self.path, error))
    }

    /// The same, to be read from its beginning.
    fn rewound(mut self) -> io::Result<Self> {
        self.file.flush()?;
        self.file.get_mut().seek(SeekFrom::Start(0))?;
        Ok(self)
    }

    fn rename(mut self, to: &Path) -> Result<(), DurableError> {
        let at = |error: io::Error| DurableError::at(to, error);
        self.file.flush().map_err(at)?;
        self.file.get_ref().sync_all().map_err(at)?;
        std::fs::rename(&self.path, to).map_err(at)?;
        self.kept = true;
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
        durable::sync_dir(folder.unwrap_or(Path::new(".")))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            // Best effort: the name says that it is no finished file.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
