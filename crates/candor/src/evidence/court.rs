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
use host::durable::{Target, Unfinished};
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

/// Larger than any page.
const PAGE_BYTES: u64 = 1 << 20;

/// Where each member ends.
type Ends = Vec<(String, u64)>;

/// What came of making a court file again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Around {
    /// Byte for byte.
    Same,
    /// All but the words of its page, which another version of this program may have written.
    OtherPage,
    /// No version makes it of this evidence; the first member that is another, or the zip itself.
    Other(String),
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
pub(crate) fn write(evidence: &Path, to: &Target) -> anyhow::Result<()> {
    let mut films = Films::new(to.path());
    let mut file = open(evidence)?;
    let verified = verify_from(&mut file, &mut |whole| Ok(films.segment(whole)?))?;
    file.seek(SeekFrom::Start(0))?;
    let mut films = films.finish()?;
    let page = page::page(&verified, films.len());
    let (made, _) = make(&mut file, &mut films, page.as_bytes(), to.path())?;
    Ok(to.take(made)?)
}

/// Makes the court file at `path` again from its own evidence, beside `beside`, and compares.
// SPEC: evidence.md#court-file: a verifier MUST call false what is not so made, the page's words excepted.
pub(crate) fn compare(
    path: &Path,
    verified: &Verified,
    films: &mut [Film],
    beside: &Path,
) -> anyhow::Result<Around> {
    let mut file = open(path)?;
    let own = page::page(verified, films.len()).into_bytes();
    let (other, ends) = compare_with(&mut file, films, &own, beside)?;
    let Some(other) = other else { return Ok(Around::Same) };
    let page_begins = ends.iter().rev().nth(1).map_or(0, |(_, end)| *end);
    // With another page the directory is another too: all of it is made once more, with that page.
    if other >= page_begins
        && let Some(page) = page_at(&mut file, page_begins)?
        && compare_with(&mut file, films, &page, beside)?.0.is_none()
    {
        return Ok(Around::OtherPage);
    }
    let member = ends.into_iter().find(|(_, end)| other < *end);
    Ok(Around::Other(member.map_or_else(|| "the zip".to_owned(), |(name, _)| name)))
}

/// The first byte that is another where the court file is made with this page, and where each member
/// ends then.
fn compare_with(
    file: &mut File,
    films: &mut [Film],
    page: &[u8],
    beside: &Path,
) -> anyhow::Result<(Option<u64>, Ends)> {
    file.seek(SeekFrom::Start(0))?;
    let made = with_evidence(file, |evidence| make(evidence, films, page, beside))?;
    let (mut made, ends) = made?;
    let made = made.read_back()?;
    made.seek(SeekFrom::Start(0))?;
    file.seek(SeekFrom::Start(0))?;
    Ok((first_other(&mut BufReader::new(file), &mut BufReader::new(made))?, ends))
}

/// The page of a court file, if one stands there: it is given a court file's own header when it is tried.
fn page_at(file: &mut File, at: u64) -> anyhow::Result<Option<Vec<u8>>> {
    file.seek(SeekFrom::Start(at))?;
    let mut page = Vec::new();
    let Ok(Some(member)) = read_zipfile_from_stream(file) else { return Ok(None) };
    let is_whole = member.take(PAGE_BYTES).read_to_end(&mut page).is_ok();
    Ok(is_whole.then_some(page))
}

fn open(path: &Path) -> anyhow::Result<File> {
    File::open(path).with_context(|| path.display().to_string())
}

/// The file, and where each member ends in it.
fn make(
    evidence: &mut dyn Read,
    films: &mut [Film],
    page: &[u8],
    beside: &Path,
) -> anyhow::Result<(Unfinished, Ends)> {
    let mut made = Unfinished::create(beside)?;
    let mut pack = Pack::new(made.read_back()?);
    pack.add(EVIDENCE.to_owned(), evidence)?;
    for (number, film) in (1..).zip(films) {
        let name = host::durable::numbered(Path::new(FILM), number);
        let film = film.file.read_back()?;
        film.seek(SeekFrom::Start(0))?;
        pack.add(name.display().to_string(), film)?;
    }
    pack.add(PAGE.to_owned(), &mut &page[..])?;
    let ends = pack.finish()?;
    Ok((made, ends))
}

/// A zip whose bytes follow from its members.
struct Pack<W: Write + Seek> {
    zip: ZipWriter<BufWriter<W>>,
    ends: Ends,
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
    fn finish(self) -> anyhow::Result<Ends> {
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
