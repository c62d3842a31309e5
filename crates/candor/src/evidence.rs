//! An evidence file on disk, verified; what it shows, in sentences.

mod compare;
pub(crate) mod court;
mod statements;

pub(crate) use compare::{Compared, compare};
pub(crate) use statements::{Standing, Statement, statements};

use anyhow::Context as _;
use escrow::evidence::{
    END_MARK, Evidence, EvidenceError, FileError, FilePart, FileReader, FileVerification, Seen, Verified,
    file_start, segment_length,
};
use host::durable::Unfinished;
use seal::opener::Whole;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// Why a file shows nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unheld {
    /// It cannot be read as evidence.
    #[error("{0:#}")]
    Unread(anyhow::Error),
    /// What it says is false.
    #[error(transparent)]
    False(EvidenceError),
    /// Whoever was given its segments could not go on: nothing is said of the file.
    #[error("{0:#}")]
    Stopped(anyhow::Error),
}

/// What somebody may do who hands a file on: writes it without its closing record, its opener and its
/// last segment.
pub(crate) fn without_closing(from: &Path, to: &Path) -> Result<(), Unheld> {
    try_without_closing(from, to).map_err(Unheld::Unread)
}

fn try_without_closing(from: &Path, to: &Path) -> anyhow::Result<()> {
    let mut file = BufReader::new(File::open(from)?);
    let (mut reader, mut last) = (FileReader::default(), None);
    let mut output = Unfinished::create(to)?;
    loop {
        let mut bytes = Vec::new();
        file.by_ref().take(reader.wanted() as u64).read_to_end(&mut bytes)?;
        match reader.feed(bytes)? {
            FilePart::Length => {}
            FilePart::Head(head) => {
                let cut = Evidence { closing: Vec::new(), opener: Vec::new(), ..*head };
                output.write(&file_start(&cut)?)?;
            }
            FilePart::Segment(sealed) => {
                if let Some(sealed) = last.replace(sealed) {
                    output.write(&segment_length(&sealed)?)?;
                    output.write(&sealed)?;
                }
            }
            FilePart::End => {
                output.write(&END_MARK)?;
                return Ok(output.rename(to)?);
            }
        }
    }
}

/// As what evidence comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Evidence,
    /// With films and a page around it.
    CourtFile,
}

impl Form {
    pub(crate) fn of(path: &Path) -> anyhow::Result<Self> {
        let mut file = File::open(path).with_context(|| path.display().to_string())?;
        Ok(if court::is_one(&mut file)? { Self::CourtFile } else { Self::Evidence })
    }
}

/// Verifies a whole evidence file, or that of a court file, one part in memory at a time; `take` is given
/// each segment once it is verified.
pub(crate) fn verify(
    path: &Path,
    take: &mut dyn FnMut(&Whole) -> anyhow::Result<()>,
) -> Result<Verified, Unheld> {
    let file = File::open(path).with_context(|| path.display().to_string());
    let mut file = file.map_err(Unheld::Unread)?;
    match Form::of(path).map_err(Unheld::Unread)? {
        Form::Evidence => verify_from(&mut file, take),
        Form::CourtFile => {
            let mut file = BufReader::new(file);
            let verified = court::with_evidence(&mut file, |mut evidence| verify_from(&mut evidence, take));
            verified.map_err(Unheld::Unread)?
        }
    }
}

fn verify_from(
    from: &mut impl Read,
    take: &mut dyn FnMut(&Whole) -> anyhow::Result<()>,
) -> Result<Verified, Unheld> {
    let mut from = BufReader::new(from);
    let mut verification = FileVerification::default();
    loop {
        let mut bytes = Vec::new();
        let read = from.by_ref().take(verification.wanted() as u64).read_to_end(&mut bytes);
        read.map_err(|error| Unheld::Unread(error.into()))?;
        let seen = verification.feed(bytes).map_err(|error| match error {
            FileError::Evidence(error) => Unheld::False(error),
            error => Unheld::Unread(error.into()),
        })?;
        match seen {
            Seen::Nothing => {}
            Seen::Segment(whole) => take(&whole).map_err(Unheld::Stopped)?,
            Seen::End(verified) => return Ok(*verified),
        }
    }
}
