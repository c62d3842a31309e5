//! Init and fragments of one run into a plain MP4 with its index in front (faststart). Nothing is
//! transcoded: samples are copied.
//!
//! The media bytes come out as fragments go in, to be kept in a temporary file; the index, made
//! last, is written before them:
//!
//! ```text
//! finish() -> ftyp moov mdat-header | what add() returned, in order
//! ```
//!
//! The file begins at its first picture that the run's own edit list shows. Where fragments are missing inside a run, the last picture
//! before the hole is held until the next one: times stay those of the camera, and they only grow.
//! The same input gives the same bytes.

use crate::BoxError;
use crate::fragment::{Sample, samples};
use crate::init::{Init, Track};
use mp4_atom::{
    Co64, Codec, Ctts, CttsEntry, Edts, Elst, ElstEntry, Encode as _, Ftyp, Hvc1, Moov, Stbl, Stco, Stsc,
    StscEntry, Stss, Stsz, StszSamples, Stts, SttsEntry,
};

/// Why a run cannot be exported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// Not MP4 that can be carried.
    #[error(transparent)]
    Box(#[from] BoxError),
    /// A fragment from before the one that was added last.
    #[error("a fragment lies before the one that was added last")]
    Backwards,
    /// Nothing was added that has a picture.
    #[error("there is no picture to export")]
    Empty,
    /// Tables that no MP4 holds.
    #[error("the index cannot be written: {0}; export a shorter span")]
    Index(String),
}

/// One run being exported.
#[derive(Debug)]
pub struct Exporter {
    init: Init,
    tracks: Vec<Table>,
    media_len: u64,
}

#[derive(Debug, Default)]
struct Table {
    /// Of `at` only the length counts: the fragment that it points into is gone.
    samples: Vec<Sample>,
    /// Where each chunk starts within the media bytes, and how many samples it holds.
    chunks: Vec<(u64, u32)>,
}

impl Table {
    /// When its first sample that is shown is: what stands before is there to be decoded.
    fn first_presented(&self, track: &Track) -> Option<i128> {
        let presented = || self.samples.iter().map(Sample::presented);
        presented().filter(|at| *at >= i128::from(track.shown_from)).min().or_else(|| presented().min())
    }

    /// When its last sample in the order of showing has been shown. Not its first plus its ticks: a
    /// camera whose decode times begin too late for its B-frames shows its last samples after the
    /// end of decoding.
    fn presented_until(&self) -> Option<i128> {
        self.samples.iter().map(|entry| entry.presented() + i128::from(entry.duration)).max()
    }

    fn ticks(&self) -> u64 {
        self.samples.iter().map(|entry| u64::from(entry.duration)).sum()
    }
}

impl Exporter {
    /// Starts with the run's init segment.
    ///
    /// # Errors
    /// [`BoxError`].
    pub fn new(init: &[u8]) -> Result<Self, ExportError> {
        let init = Init::parse(init)?;
        let tracks = init.tracks().iter().map(|_| Table::default()).collect();
        Ok(Self { init, tracks, media_len: 0 })
    }

    /// Adds the next fragment; the returned bytes go to the end of the media file.
    ///
    /// # Errors
    /// [`ExportError`]; the fragment is not added then.
    pub fn add(&mut self, fragment: &[u8]) -> Result<Vec<u8>, ExportError> {
        let samples = samples(&self.init, fragment)?;
        for (place, table) in self.tracks.iter().enumerate() {
            let first = samples.iter().find(|sample| sample.track == place);
            let last = table.samples.last();
            if let (Some(first), Some(last)) = (first, last)
                && first.decode <= last.decode
            {
                return Err(ExportError::Backwards);
            }
        }
        let mut media = Vec::new();
        for (place, table) in self.tracks.iter_mut().enumerate() {
            let of_track: Vec<&Sample> = samples.iter().filter(|sample| sample.track == place).collect();
            let Some(first) = of_track.first() else { continue };
            if let Some(last) = table.samples.last_mut() {
                let held = first.decode - last.decode;
                last.duration =
                    u32::try_from(held).map_err(|_| ExportError::Index("a gap is too long".to_owned()))?;
            }
            let count =
                u32::try_from(of_track.len()).map_err(|_| BoxError::OutOfBounds("number of samples"))?;
            table.chunks.push((self.media_len + media.len() as u64, count));
            for sample in of_track {
                let bytes = fragment.get(sample.at.clone()).ok_or(BoxError::OutOfBounds("sample"))?;
                media.extend_from_slice(bytes);
                table.samples.push(sample.clone());
            }
        }
        self.media_len += media.len() as u64;
        Ok(media)
    }

    /// The bytes that stand before the media: ftyp, moov, and the header of mdat.
    ///
    /// # Errors
    /// [`ExportError::Empty`], [`ExportError::Index`].
    pub fn finish(self) -> Result<Vec<u8>, ExportError> {
        let mut tables = self.init.tracks().iter().zip(&self.tracks);
        if !tables.any(|(track, table)| track.is_video() && !table.samples.is_empty()) {
            return Err(ExportError::Empty);
        }
        // The index' size does not depend on where the media begin, so it is written once to be
        // measured and once for good.
        let measured = self.head(0)?.len() as u64;
        self.head(measured)
    }

    fn head(&self, media_at: u64) -> Result<Vec<u8>, ExportError> {
        let index = |error: mp4_atom::Error| ExportError::Index(error.to_string());
        let mut head = Vec::new();
        let ftyp = Ftyp {
            major_brand: b"isom".into(),
            minor_version: 512,
            compatible_brands: vec![b"isom".into(), b"iso2".into(), b"mp41".into()],
        };
        ftyp.encode(&mut head).map_err(index)?;
        self.moov(media_at).encode(&mut head).map_err(index)?;
        // Always the long form: the index' size must not hang on the media's.
        head.extend_from_slice(&1u32.to_be_bytes());
        head.extend_from_slice(b"mdat");
        head.extend_from_slice(&(self.media_len + 16).to_be_bytes());
        Ok(head)
    }

    fn moov(&self, media_at: u64) -> Moov {
        let mut moov = self.init.moov.clone();
        moov.mvex = None;
        let movie = u64::from(moov.mvhd.timescale.max(1));
        // The zero of the file: the first picture.
        let zero = self
            .init
            .tracks()
            .iter()
            .zip(&self.tracks)
            .find(|(track, _)| track.is_video())
            .and_then(|(track, table)| Some((table.first_presented(track)? + track.shift, track.timescale)))
            .unwrap_or((0, 1));
        let use_64 = media_at + self.media_len > u64::from(u32::MAX);
        let mut longest = 0;
        let mut kept = Vec::new();
        for ((trak, track), table) in moov.trak.drain(..).zip(self.init.tracks()).zip(&self.tracks) {
            let (Some(first), Some(end)) = (table.first_presented(track), table.presented_until()) else {
                continue;
            };
            let mut trak = trak;
            let timescale = u64::from(track.timescale);
            // Ticks of this track between the file's zero and its own first sample: before it, or
            // after.
            let offset = first + track.shift - zero.0 * i128::from(timescale) / i128::from(zero.1);
            let media_start = first - i128::from(table.samples.first().map_or(0, |entry| entry.decode));
            let skip = u64::try_from(media_start + (-offset).max(0)).unwrap_or(0);
            let wait = u64::try_from(offset.max(0)).unwrap_or(0).saturating_mul(movie) / timescale;
            let shown = u64::try_from(end - first - (-offset).max(0)).unwrap_or(0);
            let shown = shown.saturating_mul(movie) / timescale;
            let mut entries = Vec::new();
            if wait > 0 {
                entries.push(ElstEntry { segment_duration: wait, media_time: None, media_rate: 1.into() });
            }
            entries.push(ElstEntry { segment_duration: shown, media_time: Some(skip), media_rate: 1.into() });
            trak.edts = Some(Edts { elst: Some(Elst { entries }) });
            trak.tkhd.duration = wait.saturating_add(shown);
            longest = longest.max(wait.saturating_add(shown));
            trak.mdia.mdhd.duration = table.ticks();
            let codecs = trak.mdia.minf.stbl.stsd.codecs.drain(..).map(as_hvc1).collect();
            trak.mdia.minf.stbl = stbl(table, media_at, use_64);
            trak.mdia.minf.stbl.stsd.codecs = codecs;
            kept.push(trak);
        }
        moov.trak = kept;
        moov.mvhd.duration = longest;
        moov
    }
}

/// Players of one maker want `hvc1`: parameter sets in the sample entry, where ours are.
fn as_hvc1(codec: Codec) -> Codec {
    match codec {
        Codec::Hev1(entry) => Codec::Hvc1(Hvc1 {
            visual: entry.visual,
            hvcc: entry.hvcc,
            lhvc: entry.lhvc,
            btrt: entry.btrt,
            colr: entry.colr,
            pasp: entry.pasp,
            taic: entry.taic,
            fiel: entry.fiel,
            ccst: None,
            spatial: entry.spatial,
        }),
        other => other,
    }
}

fn stbl(table: &Table, media_at: u64, use_64: bool) -> Stbl {
    let mut stts: Vec<SttsEntry> = Vec::new();
    let mut ctts: Vec<CttsEntry> = Vec::new();
    for entry in &table.samples {
        match stts.last_mut() {
            Some(run) if run.sample_delta == entry.duration => run.sample_count += 1,
            _ => stts.push(SttsEntry { sample_count: 1, sample_delta: entry.duration }),
        }
        match ctts.last_mut() {
            Some(run) if run.sample_offset == entry.composition => run.sample_count += 1,
            _ => ctts.push(CttsEntry { sample_count: 1, sample_offset: entry.composition }),
        }
    }
    let is_reordered = ctts.iter().any(|run| run.sample_offset != 0);
    let syncs: Vec<u32> =
        (1u32..).zip(&table.samples).filter(|(_, entry)| entry.is_sync).map(|(number, _)| number).collect();
    let all_sync = syncs.len() == table.samples.len();
    let mut stsc: Vec<StscEntry> = Vec::new();
    for (number, (_, count)) in (1u32..).zip(&table.chunks) {
        if stsc.last().is_none_or(|run| run.samples_per_chunk != *count) {
            stsc.push(StscEntry {
                first_chunk: number,
                samples_per_chunk: *count,
                sample_description_index: 1,
            });
        }
    }
    let offsets = table.chunks.iter().map(|(at, _)| media_at + at);
    let (stco, co64) = match use_64 {
        true => (None, Some(Co64 { entries: offsets.collect() })),
        false => {
            let entries = offsets.map(|at| u32::try_from(at).unwrap_or(u32::MAX)).collect();
            (Some(Stco { entries }), None)
        }
    };
    // A fragment's bounds keep each far below 4 GiB.
    let sizes = table.samples.iter().map(|entry| u32::try_from(entry.at.len()).unwrap_or(u32::MAX));
    Stbl {
        stts: Stts { entries: stts },
        ctts: is_reordered.then_some(Ctts { entries: ctts }),
        stss: (!all_sync).then_some(Stss { entries: syncs }),
        stsc: Stsc { entries: stsc },
        stsz: Stsz { samples: StszSamples::Different { sizes: sizes.collect() } },
        stco,
        co64,
        ..Stbl::default()
    }
}
