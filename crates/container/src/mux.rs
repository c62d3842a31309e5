//! Pictures and sound, as a camera sends them, into an init segment and fragments of about 100 ms.
//!
//! ```text
//! picture shown at 0, 80, 40 ...        its own time; when it is decoded is told here: one picture is held back, whose
//! AAC frames, one after the other       duration the next one tells, and sound waits in the queue for the next fragment
//!   -> ftyp moov | moof mdat | ...      track 1 pictures, 90 000 ticks a second; track 2 sound, its sample rate
//! ```
//! A picture never waits for sound: what sound has come stands in the next fragment. In scope:
//! boxes, the order of decoding. Out of scope: whose time it is, and what stands in for sound that
//! does not come (`camera`).

mod order;

use crate::fragment::boxed;
use crate::init::malformed;
use crate::sps::{Coding, Sps, number};
use crate::{BoxError, Fragment, Init};
use mp4_atom::esds::{DecoderConfig, DecoderSpecific, EsDescriptor, SLConfig};
use mp4_atom::{
    Audio, Avc1, Avcc, AvccExt, Codec, Dinf, Dref, DrefEntry, Encode as _, Esds, Ftyp, Hdlr, Hvc1, HvcCArray,
    Hvcc, Mdhd, Mdia, Mfhd, Minf, Moof, Moov, Mp4a, Mvex, Mvhd, Smhd, Stbl, Stco, Stsd, Tfdt, Tfhd, Tkhd,
    Traf, Trak, Trex, Trun, TrunEntry, TrunSamples, Url, Visual, Vmhd,
};
use order::Order;

/// Ticks a second of pictures.
pub const TICKS: u32 = 90_000;
/// Samples of an AAC frame.
pub const FRAME: u32 = 1024;
/// A fragment is closed once its pictures last so long, ticks.
const FRAGMENT: u64 = TICKS as u64 / 10;
/// ISO/IEC 14496-12, 8.8.3.1: depends on no other sample; depends on others and is no sync sample.
const SYNC: u32 = 0x0200_0000;
const NON_SYNC: u32 = 0x0101_0000;
const VIDEO: u32 = 1;
const SOUND: u32 = 2;

/// Parameter sets: whole NAL units, in the order in which they are written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// How pictures are coded.
    pub coding: Coding,
    /// Video (H.265 alone), sequence and picture parameter sets.
    pub sets: Vec<Vec<u8>>,
}

impl Parameters {
    /// What the first sequence parameter set says, if all kinds are there.
    pub fn sps(&self) -> Option<Sps> {
        let kinds: &[u8] = match self.coding {
            Coding::H264 => &[8, 7],
            Coding::H265 => &[32, 34, 33],
        };
        let mut found = None;
        for kind in kinds {
            found = Some(self.sets.iter().find(|set| self.kind(set) == *kind)?);
        }
        Sps::parse(self.coding, found?)
    }

    /// These stand beside a picture: of each kind, and of each number of a picture parameter set, the
    /// newest is kept.
    pub fn learn(&mut self, sets: &[Vec<u8>]) {
        let known = Self { coding: self.coding, sets: sets.to_vec() };
        if known.sps().is_some() {
            *self = known;
            return;
        }
        let newer: Vec<_> = sets.iter().map(|set| self.place(set)).collect();
        let old = std::mem::take(&mut self.sets);
        self.sets = old.into_iter().filter(|set| !newer.contains(&known.place(set))).collect();
        self.sets.extend(known.sets);
    }

    /// Of two sets of one place the newer one holds.
    fn place(&self, set: &[u8]) -> (u8, Option<u32>) {
        match (self.coding, self.kind(set)) {
            (Coding::H264, kind @ 8) | (Coding::H265, kind @ 34) => (kind, number(self.coding, set)),
            (Coding::H264 | Coding::H265, kind) => (kind, None),
        }
    }

    fn kind(&self, set: &[u8]) -> u8 {
        self.coding.kind(set.first().copied().unwrap_or(0))
    }

    fn of_kind(&self, kind: u8) -> Vec<Vec<u8>> {
        self.sets.iter().filter(|set| self.kind(set) == kind).cloned().collect()
    }
}

/// AAC-LC that is carried as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// Samples a second.
    pub sample_rate: u32,
    /// One or two.
    pub channels: u16,
    /// ISO/IEC 14496-3, AudioSpecificConfig.
    pub config: Vec<u8>,
}

/// One picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// When it is shown, ticks from the run's zero.
    pub shown: u64,
    /// Whether it can be decoded alone.
    pub is_key: bool,
    /// NAL units, each behind its length in four bytes.
    pub data: Vec<u8>,
}

/// One run being written.
#[derive(Debug)]
pub struct Muxer {
    init: Box<Init>,
    order: Order,
    number: u32,
    held: Option<Coded>,
    /// Of the fragment at hand.
    pictures: Vec<(Coded, u32)>,
    lasts: u64,
    sound_rate: u64,
    /// Where the queue begins, samples; none before the first frame.
    sound_at: Option<u64>,
    sound: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Coded {
    picture: Picture,
    decode: u64,
}

/// A fragment, and when the first of its pictures is shown, ticks from the run's zero.
#[derive(Debug)]
pub struct Muxed {
    /// What it is.
    pub fragment: Fragment,
    /// See [`Picture::shown`].
    pub shown: u64,
}

impl Muxer {
    /// Begins a run whose pictures come about so many ticks apart. What the parameters do not say
    /// of reordering is `reordered`.
    ///
    /// # Errors
    /// [`BoxError`], if the parameters are none.
    pub fn new(
        parameters: &Parameters,
        sound: Option<&Sound>,
        reordered: usize,
        apart: u64,
    ) -> Result<Self, BoxError> {
        let sps = parameters.sps().ok_or_else(|| malformed("sps")("it says no picture"))?;
        let init = Box::new(Init::parse(&init(parameters, &sps, sound).map_err(malformed("moov"))?)?);
        let order = Order::new(sps.reordered.unwrap_or(reordered).max(reordered), apart);
        Ok(Self {
            init,
            order,
            number: 0,
            held: None,
            pictures: Vec::new(),
            lasts: 0,
            sound_rate: sound.map_or(0, |sound| sound.sample_rate.into()),
            sound_at: None,
            sound: Vec::new(),
        })
    }

    /// The run's init segment.
    pub fn init(&self) -> &Init {
        &self.init
    }

    /// Takes the next picture in the order of decoding, and gives the fragment that it ends.
    ///
    /// # Errors
    /// [`BoxError`]: the fragment is lost.
    pub fn picture(&mut self, picture: Picture) -> Result<Option<Muxed>, BoxError> {
        let decode = self.order.decode(picture.shown);
        let is_key = picture.is_key;
        let before = self.held.replace(Coded { picture, decode });
        if let Some(before) = before {
            self.take(before, decode);
        }
        if self.lasts >= FRAGMENT || is_key { self.fragment() } else { Ok(None) }
    }

    /// No picture follows for now: the one that was held back lasts so many ticks.
    ///
    /// # Errors
    /// [`BoxError`]: the fragment is lost.
    pub fn flush(&mut self, lasts: u64) -> Result<Option<Muxed>, BoxError> {
        if let Some(held) = self.held.take() {
            let end = held.decode.saturating_add(lasts.max(1));
            self.take(held, end);
        }
        self.order.reset();
        self.fragment()
    }

    /// Where the next frame of sound goes, samples from the run's zero; none before the first.
    pub fn sound_until(&self) -> Option<u64> {
        Some(self.sound_at? + self.sound.len() as u64 * u64::from(FRAME))
    }

    /// Takes the next frame of sound; the first one goes to `at`.
    pub fn sound(&mut self, frame: &[u8], at: u64) {
        self.sound_at.get_or_insert(at);
        self.sound.push(frame.to_vec());
    }

    fn take(&mut self, coded: Coded, until: u64) {
        let lasts = until.saturating_sub(coded.decode).max(1);
        self.lasts += lasts;
        self.pictures.push((coded, u32::try_from(lasts).unwrap_or(u32::MAX)));
    }

    fn fragment(&mut self) -> Result<Option<Muxed>, BoxError> {
        let pictures = std::mem::take(&mut self.pictures);
        let Some((first, _)) = pictures.first() else { return Ok(None) };
        let shown = pictures.iter().map(|(coded, _)| coded.picture.shown).min().unwrap_or(0);
        self.lasts = 0;
        self.number = self.number.wrapping_add(1);
        let lead = self.order.lead();
        let entries = pictures.iter().map(|(coded, lasts)| TrunEntry {
            duration: Some(*lasts),
            size: u32::try_from(coded.picture.data.len()).ok(),
            flags: Some(if coded.picture.is_key { SYNC } else { NON_SYNC }),
            cts: Some(
                i64::try_from(coded.picture.shown + lead).unwrap_or(0)
                    - i64::try_from(coded.decode).unwrap_or(0),
            ),
        });
        let mut trafs = vec![traf(VIDEO, first.decode, entries.collect())];
        let mut media: Vec<&[u8]> = pictures.iter().map(|(coded, _)| coded.picture.data.as_slice()).collect();
        let sound = std::mem::take(&mut self.sound);
        if let (Some(at), false) = (&mut self.sound_at, sound.is_empty()) {
            let entries = sound.iter().map(|frame| TrunEntry {
                duration: Some(FRAME),
                size: u32::try_from(frame.len()).ok(),
                flags: Some(SYNC),
                cts: None,
            });
            let decode = *at + lead * self.sound_rate / u64::from(TICKS);
            trafs.push(traf(SOUND, decode, entries.collect()));
            *at += sound.len() as u64 * u64::from(FRAME);
            media.extend(sound.iter().map(Vec::as_slice));
        }
        let moof = Moof { mfhd: Mfhd { sequence_number: self.number }, traf: trafs };
        let bytes = boxed(moof, &media)?;
        Ok(Some(Muxed { fragment: Fragment::parse(&self.init, &bytes)?, shown }))
    }
}

fn traf(track_id: u32, decode: u64, entries: Vec<TrunEntry>) -> Traf {
    Traf {
        tfhd: Tfhd { track_id, default_base_is_moof: true, ..Tfhd::default() },
        tfdt: Some(Tfdt { base_media_decode_time: decode }),
        trun: vec![Trun { data_offset: Some(0), samples: TrunSamples::Explicit(entries) }],
        ..Traf::default()
    }
}

fn init(parameters: &Parameters, sps: &Sps, sound: Option<&Sound>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let ftyp = Ftyp {
        major_brand: b"iso5".into(),
        minor_version: 512,
        compatible_brands: vec![b"iso5".into(), b"iso6".into(), b"mp41".into()],
    };
    ftyp.encode(&mut bytes).map_err(|error| error.to_string())?;
    let minf = Minf { vmhd: Some(Vmhd::default()), ..Minf::default() };
    let mut video = trak(VIDEO, TICKS, b"vide", minf, video_entry(parameters, sps)?);
    (video.tkhd.width, video.tkhd.height) = (sps.width.into(), sps.height.into());
    let mut trak_of_all = vec![video];
    if let Some(sound) = sound {
        let minf = Minf { smhd: Some(Smhd::default()), ..Minf::default() };
        let mut track = trak(SOUND, sound.sample_rate, b"soun", minf, sound_entry(sound));
        track.tkhd.volume = 1.into();
        trak_of_all.push(track);
    }
    let trex = |track_id| Trex { track_id, default_sample_description_index: 1, ..Trex::default() };
    let moov = Moov {
        mvhd: Mvhd { rate: 1.into(), volume: 1.into(), next_track_id: SOUND + 1, ..Mvhd::default() },
        mvex: Some(Mvex {
            mehd: None,
            trex: trak_of_all.iter().map(|trak| trex(trak.tkhd.track_id)).collect(),
        }),
        trak: trak_of_all,
        ..Moov::default()
    };
    moov.encode(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn trak(track_id: u32, timescale: u32, handler: &[u8; 4], minf: Minf, entry: Codec) -> Trak {
    let stbl = Stbl { stsd: Stsd { codecs: vec![entry] }, stco: Some(Stco::default()), ..Stbl::default() };
    let dinf = Dinf { dref: Dref { entries: vec![DrefEntry::Url(Url::default())] } };
    Trak {
        tkhd: Tkhd { track_id, enabled: true, in_movie: true, ..Tkhd::default() },
        mdia: Mdia {
            mdhd: Mdhd { timescale, language: "und".to_owned(), ..Mdhd::default() },
            hdlr: Hdlr { handler: handler.into(), name: String::new() },
            minf: Minf { dinf, stbl, ..minf },
        },
        ..Trak::default()
    }
}

fn video_entry(parameters: &Parameters, sps: &Sps) -> Result<Codec, String> {
    let visual =
        Visual { data_reference_index: 1, width: sps.width, height: sps.height, ..Visual::default() };
    let (luma, chroma) = (sps.bit_depth.0 - 8, sps.bit_depth.1 - 8);
    if sps.coding == Coding::H264 {
        let (first, pps) = (parameters.of_kind(7), parameters.of_kind(8));
        let none = || "no parameter set".to_owned();
        let avcc = Avcc::new(first.first().ok_or_else(none)?, pps.first().ok_or_else(none)?);
        let mut avcc = avcc.map_err(|error| error.to_string())?;
        (avcc.sequence_parameter_sets, avcc.picture_parameter_sets) = (first, pps);
        if !matches!(sps.profile, 66 | 77 | 88) {
            avcc.ext = Some(AvccExt {
                chroma_format: sps.chroma,
                bit_depth_luma: sps.bit_depth.0,
                bit_depth_chroma: sps.bit_depth.1,
                sequence_parameter_sets_ext: Vec::new(),
            });
        }
        return Ok(Avc1 {
            visual,
            avcc,
            btrt: None,
            colr: None,
            pasp: None,
            taic: None,
            fiel: None,
            spatial: None,
        }
        .into());
    }
    let ([head, c0, c1, c2, c3, f0, f1, f2, f3, f4, f5, level], layers) = sps.general;
    let array =
        |kind| HvcCArray { completeness: false, nal_unit_type: kind, nalus: parameters.of_kind(kind) };
    let hvcc = Hvcc {
        general_profile_space: head >> 6,
        general_tier_flag: head & 0x20 != 0,
        general_profile_idc: sps.profile,
        general_profile_compatibility_flags: [c0, c1, c2, c3],
        general_constraint_indicator_flags: [f0, f1, f2, f3, f4, f5],
        general_level_idc: level,
        chroma_format_idc: sps.chroma,
        bit_depth_luma_minus8: luma,
        bit_depth_chroma_minus8: chroma,
        num_temporal_layers: layers >> 1,
        temporal_id_nested: layers & 1 != 0,
        length_size_minus_one: 3,
        arrays: vec![array(32), array(33), array(34)],
        ..Hvcc::new()
    };
    Ok(Hvc1 {
        visual,
        hvcc,
        lhvc: None,
        btrt: None,
        colr: None,
        pasp: None,
        taic: None,
        fiel: None,
        ccst: None,
        spatial: None,
    }
    .into())
}

fn sound_entry(sound: &Sound) -> Codec {
    let specific = DecoderSpecific { profile: 2, raw: sound.config.clone(), ..DecoderSpecific::default() };
    let dec_config = DecoderConfig {
        object_type_indication: 0x40,
        stream_type: 5,
        dec_specific: Some(specific),
        ..DecoderConfig::default()
    };
    let es_desc = EsDescriptor { dec_config, sl_config: SLConfig::default(), ..EsDescriptor::default() };
    // A rate that the field cannot hold is 0 there; AudioSpecificConfig says it.
    let sample_rate = u16::try_from(sound.sample_rate).unwrap_or(0).into();
    let audio =
        Audio { data_reference_index: 1, channel_count: sound.channels, sample_size: 16, sample_rate };
    Mp4a { audio, esds: Esds { es_desc }, btrt: None, taic: None }.into()
}
