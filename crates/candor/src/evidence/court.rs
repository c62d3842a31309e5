//! A court file: what somebody looks at and what proves it, in one zip. Contract:
//! `proto/evidence.md#court-file`.
//!
//! ```text
//! court.zip = evidence | film.mp4 | film-2.mp4 ... | README.html     stored, not compressed
//! ```
//! Only the evidence is believed. Everything else of the file follows from it, to the byte: whoever
//! checks one makes it again and compares, so that there is no second reading of a zip, and no place
//! in it for what nobody vouches for.

mod page;

use super::verify_from;
use anyhow::{Context as _, bail};
use escrow::evidence::Verified;
use host::durable::Unfinished;
use requester::film::{Film, Films};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;
use zip::read::read_zipfile_from_stream;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

const EVIDENCE: &str = "evidence";
const FILM: &str = "film.mp4";
const PAGE: &str = "README.html";
/// What a zip begins with, and no evidence file: as a length it is over the limit of a head.
const MAGIC: [u8; 4] = *b"PK\x03\x04";

/// Before a member's bytes stand these, and its name: the fixed part (30), and the field of 64-bit
/// sizes (20).
const LOCAL_HEADER: u64 = 30 + 20;

/// What came of making a court file again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Around {
    /// Byte for byte.
    Same,
    /// The first member that is another; none if it is the zip around them.
    Other(Option<String>),
}

impl Around {
    /// A film is not the evidence's: that no other version of this program explains.
    pub(crate) fn has_another_film(&self) -> bool {
        matches!(self, Self::Other(Some(member)) if member.ends_with(".mp4"))
    }
}

/// Whether the file is a zip. Its position is where it was.
pub(super) fn is_one(file: &mut File) -> anyhow::Result<bool> {
    let mut magic = Vec::new();
    Read::by_ref(file).take(MAGIC.len() as u64).read_to_end(&mut magic)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(magic == MAGIC)
}

/// Gives `read` the evidence of a court file, which stands first in it.
pub(super) fn with_evidence<T>(
    file: &mut impl Read,
    read: impl FnOnce(&mut dyn Read) -> T,
) -> anyhow::Result<T> {
    let first = read_zipfile_from_stream(file).context("the zip cannot be read")?;
    let Some(mut first) = first.filter(|first| first.name_raw() == EVIDENCE.as_bytes()) else {
        bail!("its first member is not `{EVIDENCE}`: this zip is no court file");
    };
    if first.compression() != CompressionMethod::Stored || first.encrypted() {
        bail!("another program packed it again: unpack it, and verify the `{EVIDENCE}` in it");
    }
    Ok(read(&mut first))
}

/// Makes the court file of an evidence file, which is verified for it.
pub(crate) fn write(evidence: &Path, to: &Path) -> anyhow::Result<()> {
    let mut films = Films::new(to);
    let mut file = open(evidence)?;
    let verified = verify_from(&mut file, &mut |whole| Ok(films.segment(whole)?))?;
    file.seek(SeekFrom::Start(0))?;
    let (made, _) = make(&mut file, &verified, &mut films.finish()?, to)?;
    Ok(made.rename(to)?)
}

/// Makes the court file at `path` again from its own evidence, beside `beside`, and compares.
pub(crate) fn compare(
    path: &Path,
    verified: &Verified,
    films: &mut [Film],
    beside: &Path,
) -> anyhow::Result<Around> {
    let mut file = open(path)?;
    let made = with_evidence(&mut file, |evidence| make(evidence, verified, films, beside))?;
    let (mut made, ends) = made?;
    file.seek(SeekFrom::Start(0))?;
    let made = made.read_back()?;
    made.seek(SeekFrom::Start(0))?;
    let Some(at) = first_other(&mut BufReader::new(file), &mut BufReader::new(made))? else {
        return Ok(Around::Same);
    };
    Ok(Around::Other(ends.into_iter().find(|(_, end)| at < *end).map(|(name, _)| name)))
}

fn open(path: &Path) -> anyhow::Result<File> {
    File::open(path).with_context(|| path.display().to_string())
}

/// The file, and where each member ends in it.
fn make(
    evidence: &mut dyn Read,
    verified: &Verified,
    films: &mut [Film],
    beside: &Path,
) -> anyhow::Result<(Unfinished, Vec<(String, u64)>)> {
    let page = page::page(verified, films.len());
    let mut made = Unfinished::create(beside)?;
    let mut pack = Pack::new(made.read_back()?);
    pack.add(EVIDENCE.to_owned(), evidence)?;
    for (number, film) in (1..).zip(films) {
        let name = host::durable::numbered(Path::new(FILM), number);
        let film = film.file.read_back()?;
        film.seek(SeekFrom::Start(0))?;
        pack.add(name.display().to_string(), film)?;
    }
    pack.add(PAGE.to_owned(), &mut page.as_bytes())?;
    let ends = pack.finish()?;
    Ok((made, ends))
}

/// A zip whose bytes follow from its members.
struct Pack<W: Write + Seek> {
    zip: ZipWriter<BufWriter<W>>,
    ends: Vec<(String, u64)>,
}

impl<W: Write + Seek> Pack<W> {
    fn new(to: W) -> Self {
        Self { zip: ZipWriter::new(BufWriter::new(to)), ends: Vec::new() }
    }

    // SPEC: evidence.md#court-file: a member MUST be stored, with 64-bit sizes and the first moment of
    // a zip's calendar.
    fn add(&mut self, name: String, from: &mut dyn Read) -> anyhow::Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o600)
            .large_file(true);
        self.zip.start_file(name.as_str(), options)?;
        let bytes = std::io::copy(from, &mut self.zip)?;
        let begins = self.ends.last().map_or(0, |(_, end)| *end);
        self.ends.push((name.clone(), begins + LOCAL_HEADER + name.len() as u64 + bytes));
        Ok(())
    }

    /// Where each member ends.
    fn finish(self) -> anyhow::Result<Vec<(String, u64)>> {
        self.zip.finish()?.flush()?;
        Ok(self.ends)
    }
}

/// Where two readers give other bytes first; nothing if they give the same.
fn first_other(one: &mut impl Read, other: &mut impl Read) -> std::io::Result<Option<u64>> {
    let (mut mine, mut its, mut at) = (vec![0; 1 << 16], vec![0; 1 << 16], 0);
    loop {
        let (read, of_its) = (fill(one, &mut mine)?, fill(other, &mut its)?);
        let same = mine[..read].iter().zip(&its[..of_its]).take_while(|(mine, its)| mine == its).count();
        at += same as u64;
        if same < read.max(of_its) {
            return Ok(Some(at));
        }
        if read == 0 {
            return Ok(None);
        }
    }
}

/// Fewer only where it ends.
fn fill(from: &mut impl Read, into: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < into.len() {
        match from.read(&mut into[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests;
