//! AAC out of RTP packets (RFC 3640, mode AAC-hbr). Sans I/O.
//!
//! ```text
//! 00 20 | 0b c8 0b d0 | frame frame        bits of headers; of each frame 13 bits of size and 3 of index; the frames
//! ```

use container::mux::FRAME;

/// A frame is no larger: 6144 bits for each of two channels.
const FRAME_MAX: usize = 8192;

/// A packet holds no more of them: two seconds of 8 kHz.
const FRAMES_MAX: usize = 16;

/// Frames out of packets, and what has come of one that is larger than a packet.
#[derive(Debug, Default)]
pub(super) struct AacPackets {
    part: Option<(i64, usize, Vec<u8>)>,
}

impl AacPackets {
    /// The frames that a packet ends, each with its stamp in samples.
    pub(super) fn push(&mut self, payload: &[u8], stamp: i64, lost: u16) -> Vec<(i64, Vec<u8>)> {
        if lost > 0 {
            self.part = None;
        }
        self.frames(payload, stamp).unwrap_or_default()
    }

    fn frames(&mut self, payload: &[u8], stamp: i64) -> Option<Vec<(i64, Vec<u8>)>> {
        let (bits, rest) = payload.split_first_chunk::<2>()?;
        let (sizes, mut rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*bits)).div_ceil(8))?;
        let sizes = sizes.chunks_exact(2).take(FRAMES_MAX).map(|size| {
            let [high, low] = [size.first().copied().unwrap_or(0), size.get(1).copied().unwrap_or(0)];
            usize::from(u16::from_be_bytes([high, low]) >> 3)
        });
        let mut frames = Vec::new();
        for (at, size) in (stamp..).step_by(usize::try_from(FRAME).ok()?).zip(sizes) {
            if size > FRAME_MAX {
                return None;
            }
            // A frame of nothing is none, and its place becomes silence.
            if size == 0 {
                continue;
            }
            if size > rest.len() {
                // Its packets bear one stamp.
                let (begun, whole, mut part) =
                    self.part.take().filter(|(begun, ..)| *begun == at).unwrap_or((at, size, Vec::new()));
                part.extend_from_slice(rest);
                if part.len() >= whole {
                    part.truncate(whole);
                    frames.push((begun, part));
                } else {
                    self.part = Some((begun, whole, part));
                }
                return Some(frames);
            }
            let (frame, behind) = rest.split_at(size);
            frames.push((at, frame.to_vec()));
            rest = behind;
        }
        Some(frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_whole_also_those_of_several_packets_and_broken_packets_give_none() {
        let mut aac = AacPackets::default();
        let two = [&[0, 32, 0, 3 << 3, 0, 2 << 3][..], b"abcde"].concat();
        assert_eq!(aac.push(&two, 5, 0), [(5, b"abc".to_vec()), (1029, b"de".to_vec())]);
        let part = |bytes: &[u8]| [&[0, 16, 0, 6 << 3][..], bytes].concat();
        assert_eq!(aac.push(&part(b"abc"), 9, 0), []);
        assert_eq!(aac.push(&part(b"def"), 9, 0), [(9, b"abcdef".to_vec())]);
        assert_eq!(aac.push(&part(b"abc"), 9, 0), []);
        assert_eq!(aac.push(&part(b"def"), 9, 1), [], "a packet was lost between them");
        for cut in 0..two.len() {
            aac.push(&two[..cut], 7, 0);
        }
        assert_eq!(aac.push(&[0xff; 40], 7, 0), []);
        let empty = [&[0, 32, 0, 0, 0, 2 << 3][..], b"de"].concat();
        assert_eq!(aac.push(&empty, 5, 0), [(1029, b"de".to_vec())], "the first frame is empty");
        // No frame lies far behind its packet, whatever comes before it.
        let far = [&[4, 0][..], &[0; 126], &[0, 1 << 3], b"x"].concat();
        assert_eq!(aac.push(&far, 5, 0), []);
    }
}
