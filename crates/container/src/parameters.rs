//! Whether pictures still are what their init segment says. A camera that is set to another size
//! repeats its parameters in its pictures, and a multiplexer that copies them (ffmpeg) goes on
//! under the old init segment: players show a torn or stretched picture, or none.
//!
//! In scope: the sequence parameter set (ISO/IEC 14496-10, 7.3.2.1; 23008-2, 7.3.2.2) in a key
//! frame, and whether two are alike. Out of scope: reading one (`sps`).

use crate::BoxError;
use crate::fragment::samples;
use crate::init::Init;
use crate::sps::{Coding, Sps};
use mp4_atom::Codec;

/// The most NAL units of one picture that are looked at: parameters stand before its slices.
const LOOKED_AT: usize = 32;

/// How a track's pictures are made of NAL units.
struct Layout {
    /// Bytes of the length before each.
    prefix: usize,
    coding: Coding,
}

/// A sequence parameter set, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    coding: Coding,
    unit: Vec<u8>,
}

impl Sequence {
    /// Whether pictures under both are of one run. Cameras change what no picture shows, such as a
    /// tick rate; of sets that cannot be read the bytes must be the same.
    pub fn is_like(&self, other: &Self) -> bool {
        let read = |sequence: &Self| Sps::parse(sequence.coding, &sequence.unit);
        self == other || read(self).zip(read(other)).is_some_and(|(one, other)| one.is_like(&other))
    }
}

/// The sequence parameter set in a fragment's first key frame; `None` where there is none.
///
/// # Errors
/// [`BoxError`], if the fragment cannot be read.
pub fn sequence(init: &Init, fragment: &[u8]) -> Result<Option<Sequence>, BoxError> {
    let video = init.tracks().iter().position(|track| Some(track) == init.video());
    let codec = video.and_then(|at| init.moov.trak.get(at)?.mdia.minf.stbl.stsd.codecs.first());
    let Some(layout) = codec.and_then(layout) else { return Ok(None) };
    let samples = samples(init, fragment)?;
    let Some(key) = samples.into_iter().find(|sample| Some(sample.track) == video && sample.is_sync) else {
        return Ok(None);
    };
    let unit = first(&layout, fragment.get(key.at).unwrap_or_default());
    Ok(unit.map(|unit| Sequence { coding: layout.coding, unit }))
}

fn layout(codec: &Codec) -> Option<Layout> {
    let (prefix, coding) = match codec {
        Codec::Avc1(entry) => (entry.avcc.length_size, Coding::H264),
        Codec::Avc3(entry) => (entry.avcc.length_size, Coding::H264),
        Codec::Hvc1(entry) => (entry.hvcc.length_size_minus_one + 1, Coding::H265),
        Codec::Hev1(entry) => (entry.hvcc.length_size_minus_one + 1, Coding::H265),
        _ => return None,
    };
    (1..=4).contains(&prefix).then(|| Layout { prefix: prefix.into(), coding })
}

fn first(layout: &Layout, mut picture: &[u8]) -> Option<Vec<u8>> {
    for _ in 0..LOOKED_AT {
        let (length, rest) = picture.split_at_checked(layout.prefix)?;
        let length = length.iter().fold(0usize, |length, byte| length << 8 | usize::from(*byte));
        let (unit, rest) = rest.split_at_checked(length)?;
        if unit.first().is_some_and(|head| layout.coding.kind(*head) == layout.coding.sequence()) {
            return Some(unit.to_vec());
        }
        picture = rest;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const H264: Layout = Layout { prefix: 4, coding: Coding::H264 };

    fn units(units: &[&[u8]]) -> Vec<u8> {
        units.iter().flat_map(|unit| [&(unit.len() as u32).to_be_bytes()[..], unit].concat()).collect()
    }

    #[test]
    fn parameters_are_found_before_the_slices_and_broken_lengths_are_no_parameters() {
        let picture = units(&[&[0x09, 0xf0], &[0x67, 1, 2, 3], &[0x68, 4], &[0x65, 5]]);
        assert_eq!(first(&H264, &picture), Some(vec![0x67, 1, 2, 3]));
        assert_eq!(first(&H264, &units(&[&[0x65, 5], &[]])), None);
        for cut in 0..14 {
            assert_eq!(first(&H264, &picture[..cut]), None, "{cut}");
        }
        assert_eq!(first(&H264, &[0xff; 40]), None);
        let many: Vec<&[u8]> = vec![&[0x06, 0]; LOOKED_AT];
        assert_eq!(first(&H264, &units(&[&many[..], &[&[0x67, 1]]].concat())), None);
    }
}
