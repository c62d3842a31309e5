//! Writing what was opened: one plain MP4 for each run, and the evidence file, all under temporary
//! names until they are whole.

use container::export::{ExportError, Exporter};
use escrow::evidence::{END_MARK, Evidence, FileError, file_start, segment_length};
use host::durable::{DurableError, Unfinished};
use seal::opener::Whole;
use std::path::{Path, PathBuf};

/// Why a film or the evidence could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error(transparent)]
    File(#[from] DurableError),
    #[error("this cannot be evidence: {0}")]
    Evidence(#[from] FileError),
    #[error("the opened footage is no MP4: {0}")]
    Export(#[from] ExportError),
}

/// One MP4 for each run of verified segments: the same segments give the same bytes.
#[derive(Debug)]
pub struct Films {
    /// Beside it they are written.
    beside: PathBuf,
    run: Option<(u32, Exporter, Unfinished)>,
    whole: Vec<Film>,
}

/// A whole film that has no name yet.
#[derive(Debug)]
pub struct Film {
    /// Which run of the camera's.
    pub run: u32,
    pub file: Unfinished,
}

impl Films {
    /// They are written in the folder of `beside`.
    pub fn new(beside: &Path) -> Self {
        Self { beside: beside.to_owned(), run: None, whole: Vec::new() }
    }

    /// Adds a whole verified segment.
    pub fn segment(&mut self, whole: &Whole) -> Result<(), WriteError> {
        let run = whole.ended.header.run;
        if self.run.as_ref().is_some_and(|(of, _, _)| *of != run) {
            self.finish_run()?;
        }
        if self.run.is_none() {
            let output = Unfinished::create(&self.beside)?;
            self.run = Some((run, Exporter::new(&whole.head.init)?, output));
        }
        if let Some((_, exporter, output)) = &mut self.run {
            for fragment in &whole.fragments {
                output.write(&exporter.add(fragment)?)?;
            }
        }
        Ok(())
    }

    /// Ends the last of them.
    pub fn finish(mut self) -> Result<Vec<Film>, WriteError> {
        self.finish_run()?;
        Ok(self.whole)
    }

    fn finish_run(&mut self) -> Result<(), WriteError> {
        let Some((run, exporter, media)) = self.run.take() else { return Ok(()) };
        let mut file = Unfinished::create(&self.beside)?;
        file.write(&exporter.finish()?)?;
        media.hand_over(|piece| file.write(piece))?;
        self.whole.push(Film { run, file });
        Ok(())
    }
}

/// What was written.
pub(crate) struct Written {
    pub(crate) clips: Vec<PathBuf>,
    pub(crate) evidence: PathBuf,
}

/// Films and evidence of a request, being written.
pub(crate) struct Clips {
    folder: PathBuf,
    evidence: Unfinished,
    films: Films,
}

impl Clips {
    /// Starts with the evidence's head.
    pub(crate) fn create(folder: &Path, evidence: &Evidence) -> Result<Self, WriteError> {
        let head = file_start(evidence)?;
        let mut evidence = Unfinished::create(&folder.join("evidence"))?;
        evidence.write(&head)?;
        Ok(Self { folder: folder.to_owned(), evidence, films: Films::new(&folder.join("clip")) })
    }

    /// Adds a whole verified segment: its footage to the run's clip, its sealed bytes to the
    /// evidence.
    pub(crate) fn segment(&mut self, whole: &Whole, sealed: &[u8]) -> Result<(), WriteError> {
        self.evidence.write(&segment_length(sealed)?)?;
        self.evidence.write(sealed)?;
        self.films.segment(whole)
    }

    /// Ends all files; only now do they have their names.
    pub(crate) fn finish(mut self) -> Result<Written, WriteError> {
        let mut clips = Vec::new();
        for Film { run, file } in self.films.finish()? {
            let path = self.folder.join(format!("clip-{run}.mp4"));
            file.rename(&path)?;
            clips.push(path);
        }
        self.evidence.write(&END_MARK)?;
        let evidence = self.folder.join("evidence");
        self.evidence.rename(&evidence)?;
        Ok(Written { clips, evidence })
    }
}
