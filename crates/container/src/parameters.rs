//! Whether pictures still are what their init segment says. A camera that is set to another size
//! repeats its parameters in its pictures, and a multiplexer that copies them (ffmpeg) goes on
//! under the old init segment: players show a torn or stretched picture, or none.
//!
//! In scope: the sequence parameter set (ISO/IEC 14496-10, 7.3.2.1; 23008-2, 7.3.2.2) in a key
//! frame, as bytes. Out of scope: what it says.

use crate::BoxError;
use crate::fragment::samples;
use crate::init::Init;
use mp4_atom::Codec;

/// The most NAL units of one picture that are looked at: parameters stand before its slices.
const LOOKED_AT: usize = 32;

/// How a track's pictures are made of NAL units.
struct Layout {
    /// Bytes of the length before each.
    prefix: usize,
    is_parameters: fn(u8) -> bool,
}

/// The sequence parameter set in a fragment's first key frame; `None` where there is none.
///
/// # Errors
/// [`BoxError`], if the fragment cannot be read.
pub fn sequence(init: &Init, fragment: &[u8]) -> Result<Option<Vec<u8>>, BoxError> {
    let video = init.tracks().iter().position(|track| Some(track) == init.video());
    let codec = video.and_then(|at| init.moov.trak.get(at)?.mdia.minf.stbl.stsd.codecs.first());
    let Some(layout) = codec.and_then(layout) else { return Ok(None) };
    let samples = samples(init, fragment)?;
    let Some(key) = samples.into_iter().find(|sample| Some(sample.track) == video && sample.is_sync) else {
        return Ok(None);
    };
    Ok(first(&layout, fragment.get(key.at).unwrap_or_default()))
}

fn layout(codec: &Codec) -> Option<Layout> {
    let h264: fn(u8) -> bool = |header| header & 0x1f == 7;
    let h265: fn(u8) -> bool = |header| header >> 1 & 0x3f == 33;
    let (prefix, is_parameters) = match codec {
        Codec::Avc1(entry) => (entry.avcc.length_size, h264),
        Codec::Avc3(entry) => (entry.avcc.length_size, h264),
        Codec::Hvc1(entry) => (entry.hvcc.length_size_minus_one + 1, h265),
        Codec::Hev1(entry) => (entry.hvcc.length_size_minus_one + 1, h265),
        _ => return None,
    };
    (1..=4).contains(&prefix).then(|| Layout { prefix: prefix.into(), is_parameters })
}

fn first(layout: &Layout, mut picture: &[u8]) -> Option<Vec<u8>> {
    for _ in 0..LOOKED_AT {
        let (length, rest) = picture.split_at_checked(layout.prefix)?;
        let length = length.iter().fold(0usize, |length, byte| length << 8 | usize::from(*byte));
        let (unit, rest) = rest.split_at_checked(length)?;
        if unit.first().copied().is_some_and(layout.is_parameters) {
            return Some(unit.to_vec());
        }
        picture = rest;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const H264: Layout = Layout { prefix: 4, is_parameters: |header| header & 0x1f == 7 };

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
