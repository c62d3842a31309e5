//! An init segment: ftyp and moov, which say what the fragments hold.

use crate::{BoxError, INIT_MAX, box_header};
use mp4_atom::{Codec, Decode as _, Edts, Elst, ElstEntry, Encode as _, Ftyp, Moov, Trak};

/// A parsed init segment.
#[derive(Debug, Clone)]
pub struct Init {
    bytes: Vec<u8>,
    codecs: String,
    tracks: Vec<Track>,
    pub(crate) moov: Moov,
}

/// One track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// Its number in the file.
    pub id: u32,
    /// What it holds.
    pub kind: TrackKind,
    /// Ticks a second.
    pub timescale: u32,
    /// What is presented before this time of its media is there to be decoded and not shown, ticks.
    pub(crate) shown_from: u64,
    /// From times of its media to times of the film, ticks.
    pub(crate) shift: i128,
    pub(crate) default_duration: u32,
    pub(crate) default_size: u32,
    pub(crate) default_flags: u32,
}

/// What a track holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackKind {
    /// Pictures of this size.
    Video {
        /// Pixels.
        width: u16,
        /// Pixels.
        height: u16,
    },
    /// Sound.
    Audio,
    /// Something that is carried and not looked at.
    Other,
}

impl Track {
    pub(crate) fn is_video(&self) -> bool {
        matches!(self.kind, TrackKind::Video { .. })
    }
}

impl Init {
    /// Parses ftyp + moov.
    ///
    /// # Errors
    /// [`BoxError`]; also when there is no H.264 or H.265 track.
    pub fn parse(bytes: &[u8]) -> Result<Self, BoxError> {
        if bytes.len() > INIT_MAX {
            let size = bytes.len() as u64;
            return Err(BoxError::TooLarge { kind: "moov".to_owned(), size, limit: INIT_MAX });
        }
        let mut rest = bytes;
        Ftyp::decode(&mut rest).map_err(malformed("ftyp"))?;
        let moov = Moov::decode(&mut rest).map_err(malformed("moov"))?;
        if !rest.is_empty() {
            let found = box_header(rest).map_or_else(String::new, |(_, kind)| crate::letters(kind));
            return Err(BoxError::Unexpected { expected: "the end of the init segment", found });
        }
        let mut tracks = Vec::new();
        let mut codecs = Vec::new();
        for trak in &moov.trak {
            let codec = trak.mdia.minf.stbl.stsd.codecs.first();
            let (kind, text) = codec.map_or((TrackKind::Other, None), describe);
            let id = trak.tkhd.track_id;
            let timescale = trak.mdia.mdhd.timescale;
            if timescale == 0 {
                return Err(malformed("mdhd")("its timescale is 0"));
            }
            let trex = moov.mvex.iter().flat_map(|mvex| &mvex.trex).find(|trex| trex.track_id == id);
            let (shown_from, shift) = edited(trak, moov.mvhd.timescale);
            tracks.push(Track {
                id,
                kind,
                timescale,
                shown_from,
                shift,
                default_duration: trex.map_or(0, |trex| trex.default_sample_duration),
                default_size: trex.map_or(0, |trex| trex.default_sample_size),
                default_flags: trex.map_or(0, |trex| trex.default_sample_flags),
            });
            codecs.extend(text);
        }
        let init = Self { bytes: bytes.to_vec(), codecs: codecs.join(","), tracks, moov };
        if init.video().is_none() {
            let found = init.moov.trak.iter().flat_map(|trak| &trak.mdia.minf.stbl.stsd.codecs);
            let names: Vec<String> =
                found.map(|codec| format!("{codec:?}").chars().take(16).collect()).collect();
            return Err(BoxError::NoVideo(format!("found {}", names.join(", "))));
        }
        Ok(init)
    }

    /// The same of which nothing is shown that is presented before this time of its media.
    ///
    /// # Errors
    /// [`BoxError`], if it grows too large.
    pub fn shown_from(mut self, zero_us: u64) -> Result<Self, BoxError> {
        for trak in &mut self.moov.trak {
            let ticks = u128::from(zero_us) * u128::from(trak.mdia.mdhd.timescale) / 1_000_000;
            let media_time = Some(u64::try_from(ticks).unwrap_or(u64::MAX));
            let entry = ElstEntry { segment_duration: 0, media_time, media_rate: 1.into() };
            trak.edts = Some(Edts { elst: Some(Elst { entries: vec![entry] }) });
        }
        self.with(&self.moov)
    }

    /// The same with another moov.
    pub(crate) fn with(&self, moov: &Moov) -> Result<Self, BoxError> {
        let head = box_header(&self.bytes).and_then(|(len, _)| usize::try_from(len).ok());
        let mut bytes = self.bytes.get(..head.unwrap_or(0)).unwrap_or_default().to_vec();
        moov.encode(&mut bytes).map_err(malformed("moov"))?;
        Self::parse(&bytes)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// RFC 6381 codecs, such as `avc1.640028,mp4a.40.2`.
    pub fn codecs(&self) -> &str {
        &self.codecs
    }

    /// All tracks, in the file's order.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// The first video track.
    pub fn video(&self) -> Option<&Track> {
        self.tracks.iter().find(|track| track.is_video())
    }
}

/// What an edit list says of where a track begins: from which time of its media it is shown, and
/// how far that is from its time in the film, ticks. Later edits would be cuts, which no camera
/// makes.
fn edited(trak: &Trak, movie: u32) -> (u64, i128) {
    let entries = trak.edts.iter().filter_map(|edts| edts.elst.as_ref()).flat_map(|elst| &elst.entries);
    let (mut wait, mut from) = (0u64, 0);
    for entry in entries {
        if let Some(time) = entry.media_time {
            from = time;
            break;
        }
        wait = wait.saturating_add(entry.segment_duration);
    }
    let wait = i128::from(wait) * i128::from(trak.mdia.mdhd.timescale) / i128::from(movie.max(1));
    (from, wait - i128::from(from))
}

/// What a track of this codec holds.
pub(crate) fn kind_of(codec: Option<&Codec>) -> TrackKind {
    codec.map_or(TrackKind::Other, |codec| describe(codec).0)
}

fn describe(codec: &Codec) -> (TrackKind, Option<String>) {
    let video = |visual: &mp4_atom::Visual| TrackKind::Video { width: visual.width, height: visual.height };
    let avc = |name: &str, avcc: &mp4_atom::Avcc| {
        let profile = [avcc.avc_profile_indication, avcc.profile_compatibility, avcc.avc_level_indication];
        let [a, b, c] = profile;
        Some(format!("{name}.{a:02X}{b:02X}{c:02X}"))
    };
    match codec {
        Codec::Avc1(entry) => (video(&entry.visual), avc("avc1", &entry.avcc)),
        Codec::Avc3(entry) => (video(&entry.visual), avc("avc3", &entry.avcc)),
        Codec::Hvc1(entry) => (video(&entry.visual), Some(hevc("hvc1", &entry.hvcc))),
        Codec::Hev1(entry) => (video(&entry.visual), Some(hevc("hev1", &entry.hvcc))),
        Codec::Mp4a(entry) => {
            let specific = entry.esds.es_desc.dec_config.dec_specific.as_ref();
            (TrackKind::Audio, Some(format!("mp4a.40.{}", specific.map_or(2, |specific| specific.profile))))
        }
        Codec::Opus(_) => (TrackKind::Audio, Some("opus".to_owned())),
        Codec::Flac(_) => (TrackKind::Audio, Some("flac".to_owned())),
        _ => (TrackKind::Other, None),
    }
}

/// ISO/IEC 14496-15, annex E.3: profile, reversed compatibility bits, tier and level, constraint
/// bytes without trailing zeros.
fn hevc(name: &str, hvcc: &mp4_atom::Hvcc) -> String {
    let space = ["", "A", "B", "C"].get(usize::from(hvcc.general_profile_space)).copied().unwrap_or("");
    let compatibility = u32::from_be_bytes(hvcc.general_profile_compatibility_flags).reverse_bits();
    let tier = if hvcc.general_tier_flag { 'H' } else { 'L' };
    let mut text = format!(
        "{name}.{space}{}.{compatibility:X}.{tier}{}",
        hvcc.general_profile_idc, hvcc.general_level_idc
    );
    let constraints = hvcc.general_constraint_indicator_flags;
    let kept = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    constraints.iter().take(kept).for_each(|byte| text.push_str(&format!(".{byte:X}")));
    text
}

pub(crate) fn malformed<E: ToString>(kind: &'static str) -> impl Fn(E) -> BoxError {
    move |reason| BoxError::Malformed { kind, reason: reason.to_string() }
}
