//! Writing what was opened: one plain MP4 for each run, and the evidence file, both under temporary
//! names until they are whole.

use container::export::{ExportError, Exporter};
use escrow::evidence::{Evidence, FileError, FileWriter};
use host::durable::{DurableError, Unfinished};
use seal::opener::Whole;
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
    evidence: Unfinished,
    run: Option<(u32, Exporter, Unfinished)>,
    clips: Vec<PathBuf>,
}

impl Clips {
    /// Starts with the evidence's head.
    pub(crate) fn create(folder: &Path, evidence: &Evidence) -> Result<Self, WriteError> {
        let (frames, head) = FileWriter::start(evidence)?;
        let mut evidence = Unfinished::create(&folder.join("evidence"))?;
        evidence.write(&head)?;
        Ok(Self { folder: folder.to_owned(), frames, evidence, run: None, clips: Vec::new() })
    }

    /// Adds a whole verified segment: its footage to the run's clip, its sealed bytes to the
    /// evidence.
    pub(crate) fn segment(&mut self, whole: &Whole, sealed: &[u8]) -> Result<(), WriteError> {
        self.evidence.write(&self.frames.segment(sealed)?)?;
        self.evidence.write(sealed)?;
        let run = whole.ended.header.run;
        if self.run.as_ref().is_some_and(|(of, _, _)| *of != run) {
            self.finish_run()?;
        }
        if self.run.is_none() {
            let output = Unfinished::create(&self.clip(run))?;
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
        let evidence = self.folder.join("evidence");
        self.evidence.rename(&evidence)?;
        Ok(Written { clips: self.clips, evidence })
    }

    fn finish_run(&mut self) -> Result<(), WriteError> {
        let Some((run, exporter, media)) = self.run.take() else { return Ok(()) };
        let head = exporter.finish()?;
        let path = self.clip(run);
        let mut whole = Unfinished::create(&path)?;
        whole.write(&head)?;
        media.hand_over(|piece| whole.write(piece))?;
        whole.rename(&path)?;
        self.clips.push(path);
        Ok(())
    }

    fn clip(&self, run: u32) -> PathBuf {
        self.folder.join(format!("clip-{run}.mp4"))
    }
}
