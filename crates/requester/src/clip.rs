//! Writing what was opened: one plain MP4 for each run, and the evidence file, both under temporary names until they are whole.

use container::export::{ExportError, Exporter};
use escrow::evidence::{Evidence, FileError, FileWriter};
use host::durable::{self, DurableError};
use seal::opener::Whole;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Why the clip or the evidence could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error(transparent)]
    File(#[from] DurableError),
    #[error("this cannot be evidence: {0}")]
    Evidence(#[from] FileError),
    #[error("the opened footage is no MP4: {0}")]
    Export(#[from] ExportError),
}

/// What was written.
pub(crate) struct Written {
    pub(crate) clips: Vec<PathBuf>,
    pub(crate) evidence: PathBuf,
}

/// The files being written.
pub(crate) struct Clips {
    folder: PathBuf,
    frames: FileWriter,
    evidence: Output,
    run: Option<(u32, Exporter, Output)>,
    clips: Vec<PathBuf>,
}

struct Output {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Clips {
    /// Starts with the evidence's head.
    pub(crate) fn create(folder: &Path, evidence: &Evidence) -> Result<Self, WriteError> {
        let (frames, head) = FileWriter::start(evidence)?;
        let mut evidence = Output::create(folder.join("evidence.part"))?;
        evidence.write(&head)?;
        Ok(Self { folder: folder.to_owned(), frames, evidence, run: None, clips: Vec::new() })
    }

    /// Adds a whole verified segment: its footage to the run's clip, its sealed bytes to the evidence.
    pub(crate) fn segment(&mut self, whole: &Whole, sealed: &[u8]) -> Result<(), WriteError> {
        self.evidence.write(&self.frames.segment(sealed)?)?;
        self.evidence.write(sealed)?;
        let run = whole.ended.header.run;
        if self.run.as_ref().is_some_and(|(of, _, _)| *of != run) {
            self.finish_run()?;
        }
        if self.run.is_none() {
            let output = Output::create(self.folder.join("clip.part"))?;
            self.run = Some((run, Exporter::new(&whole.head.init)?, output));
        }
        if let Some((_, exporter, output)) = &mut self.run {
            for fragment in &whole.fragments {
                output.write(&exporter.add(fragment)?)?;
            }
        }
        Ok(())
    }

    /// Ends all files; only now do they have their names.
    pub(crate) fn finish(mut self) -> Result<Written, WriteError> {
        self.finish_run()?;
        self.evidence.write(&self.frames.finish())?;
        let evidence = self.evidence.rename(&self.folder.join("evidence"))?;
        Ok(Written { clips: self.clips, evidence })
    }

    fn finish_run(&mut self) -> Result<(), WriteError> {
        let Some((run, exporter, media)) = self.run.take() else { return Ok(()) };
        let head = exporter.finish()?;
        let mut whole = Output::create(self.folder.join("clip.whole.part"))?;
        whole.write(&head)?;
        whole.append(media)?;
        self.clips.push(whole.rename(&self.folder.join(format!("clip-{run}.mp4")))?);
        Ok(())
    }
}

impl Output {
    fn create(path: PathBuf) -> Result<Self, WriteError> {
        let open = File::options().read(true).write(true).create(true).truncate(true).open(&path);
        let file = open.map_err(|error| DurableError::at(&path, error))?;
        Ok(Self { path, file: BufWriter::new(file) })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        Ok(self.file.write_all(bytes).map_err(|error| DurableError::at(&self.path, error))?)
    }

    /// Moves all of another output to the end of this one.
    fn append(&mut self, other: Self) -> Result<(), WriteError> {
        let failed = |error| DurableError::at(&self.path, error);
        let mut source = other.file.into_inner().map_err(|error| failed(error.into_error()))?;
        source.seek(SeekFrom::Start(0)).map_err(failed)?;
        std::io::copy(&mut source, &mut self.file).map_err(failed)?;
        std::fs::remove_file(&other.path).map_err(failed)?;
        Ok(())
    }

    fn rename(self, to: &Path) -> Result<PathBuf, WriteError> {
        let failed = |error| DurableError::at(&self.path, error);
        let file = self.file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        std::fs::rename(&self.path, to).map_err(failed)?;
        if let Some(folder) = to.parent() {
            durable::sync_dir(folder)?;
        }
        Ok(to.to_owned())
    }
}
