//! Export: a recorded span as plain MP4 files, one for each run. The same span twice gives the same
//! bytes.
//!
//! ```text
//! play::Playback ── verified init and fragments ──> container::export ──> clip.mp4, clip-2.mp4, ...
//!               \── gaps ──> told beside the files
//! ```
//!
//! In scope: what goes into which file. Out of scope: what may be in it (`live::viewer`), boxes
//! (`container`).

mod file;

use crate::live::viewer::Output;
use crate::live::{Event, WatchError};
use crate::play::Playback;
use crate::span::{Picture, Span};
use crate::state::Owner;
use file::Clip;
use host::blocking;
use host::durable::{DurableError, Target, TargetError};
use std::path::PathBuf;

/// A finished export. A span that crosses a change of codec, resolution or clock has one file for
/// each run.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Exported {
    pub files: Vec<ExportedFile>,
    pub gaps: Vec<ExportedGap>,
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
pub struct ExportedGap {
    pub from_us: u64,
    pub to_us: u64,
    pub reason: String,
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Watch(#[from] WatchError),
    #[error("nothing of this span is recorded at the relay, or nothing that could be verified")]
    Nothing,
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error("the footage is no MP4: {0}")]
    Container(#[from] container::export::ExportError),
    #[error(transparent)]
    File(#[from] DurableError),
}

/// Writes a recorded span as a plain faststart MP4. A file has its name only once it is whole.
pub async fn export(
    owner: &Owner,
    picture: impl Into<Picture<'_>>,
    span: Span,
    to: impl Into<Target>,
    on: &mut (dyn FnMut(Event) + Send),
) -> Result<Exported, ExportError> {
    let mut clips = Clips::new(to.into())?;
    let mut playback = Playback::new(owner, picture.into(), span)?;
    while let Some(outputs) = playback.next().await? {
        for output in &outputs {
            if let Output::Event(event) = output {
                on(event.clone());
            }
        }
        clips = blocking::run(move || clips.take(outputs)).await?;
    }
    blocking::run(move || clips.finish()).await
}

/// The files of one export.
struct Clips {
    to: Target,
    current: Option<Clip>,
    done: Exported,
    /// Start of the segment that is being added.
    start_us: u64,
}

impl Clips {
    fn new(to: Target) -> Result<Self, ExportError> {
        to.check()?;
        Ok(Self { to, current: None, done: Exported::default(), start_us: 0 })
    }

    fn take(mut self, outputs: Vec<Output>) -> Result<Self, ExportError> {
        for output in outputs {
            match output {
                Output::Init(init) => {
                    self.end_run()?;
                    self.current = Some(Clip::create(self.to.numbered(self.done.files.len() + 1), &init)?);
                }
                Output::Fragment(fragment) => {
                    if let Some(clip) = &mut self.current {
                        clip.add(&fragment)?;
                    }
                }
                Output::Event(Event::Segment { start_us, .. }) => self.start_us = start_us,
                Output::Event(Event::SegmentVerified { duration_us, .. }) => {
                    if let Some(clip) = &mut self.current {
                        clip.segment(self.start_us, self.start_us.saturating_add(duration_us));
                    }
                }
                Output::Event(Event::Gap { from_us, to_us, reason }) => {
                    self.done.gaps.push(ExportedGap { from_us, to_us, reason });
                }
                Output::Event(_) => {}
            }
        }
        Ok(self)
    }

    fn finish(mut self) -> Result<Exported, ExportError> {
        self.end_run()?;
        if self.done.files.is_empty() {
            return Err(ExportError::Nothing);
        }
        Ok(self.done)
    }

    fn end_run(&mut self) -> Result<(), ExportError> {
        if let Some(clip) = self.current.take() {
            self.done.files.push(clip.finish()?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
