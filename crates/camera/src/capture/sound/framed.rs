//! Compressed sound out of RTP packets, frame by frame, for a reader of bare frames. Sans I/O.
//!
//! ```text
//! MPA  (RFC 2250)   0 0 | where in its frame | frames, or a part of one        -> frames
//! AC-3 (RFC 4184)   what part | how many     | frames, or a part of one        -> frames
//! Opus (RFC 7587)   one packet                                  -> a page of Ogg (RFC 3533, 7845)
//! ```
//! How long a frame lasts is read from its head: what cannot be read is left out, and counts nothing.
//! In scope: one stream. Out of scope: where in media time a frame lies (`course`).

/// What lasts are counted in, a second: whole samples of every rate that these codings have.
pub(super) const TICKS: u32 = 14_112_000;
/// No frame is larger, bytes: AC-3 of 640 kbit/s at 32 kHz.
const FRAME_MAX: usize = 3840;
/// What a page of Ogg holds, in pieces of 255 bytes.
const PIECES_MAX: usize = 255;
/// RFC 6716, 3.2.5: no packet of Opus lasts longer, samples of 48 kHz.
const OPUS_MAX: u64 = 5760;

/// How sound is coded that is no AAC and has no fixed rate of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::capture) enum Framing {
    /// MPEG audio of layer 2 or 3.
    Mpa,
    Ac3,
    Opus,
}

/// One frame as it is given to the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Framed {
    pub(super) bytes: Vec<u8>,
    /// See [`TICKS`].
    pub(super) lasts: u64,
}

/// A stream being read.
#[derive(Debug)]
pub(super) struct Framer {
    framing: Framing,
    /// A frame of which the end has not come.
    part: Vec<u8>,
    /// Pages written, and how far they reach: samples of 48 kHz.
    pages: u32,
    until: u64,
}

impl Framing {
    /// As ffmpeg calls its reader.
    pub(super) fn reader(self) -> &'static str {
        match self {
            Self::Mpa => "mp3",
            Self::Ac3 => "ac3",
            Self::Opus => "ogg",
        }
    }
}

impl Framer {
    pub(super) fn new(framing: Framing) -> Self {
        Self { framing, part: Vec::new(), pages: 0, until: 0 }
    }

    /// The frames that a packet ends. Whether packets before it are missing.
    pub(super) fn push(&mut self, packet: &[u8], is_behind_loss: bool) -> Vec<Framed> {
        let found = match (self.framing, packet) {
            (Framing::Mpa, [_, _, high, low, rest @ ..]) => Some((*high == 0 && *low == 0, rest)),
            (Framing::Ac3, [what, _, rest @ ..]) => Some((what & 3 != 3, rest)),
            (Framing::Opus, packet) => return self.opus(packet).into_iter().collect(),
            (Framing::Mpa | Framing::Ac3, _) => None,
        };
        let Some((is_beginning, rest)) = found else { return Vec::new() };
        if is_beginning || is_behind_loss {
            self.part.clear();
        }
        if !is_beginning && self.part.is_empty() {
            return Vec::new();
        }
        self.part.extend_from_slice(rest);
        let mut frames = Vec::new();
        while !self.part.is_empty() {
            let head = match self.framing {
                Framing::Ac3 => ac3(&self.part),
                Framing::Mpa | Framing::Opus => mpa(&self.part),
            };
            let Some((len, lasts)) = head.filter(|(len, _)| *len <= FRAME_MAX) else {
                self.part.clear();
                break;
            };
            if self.part.len() < len {
                break;
            }
            frames.push(Framed { bytes: self.part.drain(..len).collect(), lasts });
        }
        frames
    }

    fn opus(&mut self, packet: &[u8]) -> Option<Framed> {
        let samples = opus(packet).filter(|_| packet.len() < PIECES_MAX * PIECES_MAX)?;
        let mut bytes = Vec::new();
        if self.pages == 0 {
            // Two channels of 48 kHz, whatever the packets have; nothing is skipped, no gain.
            let head = b"OpusHead\x01\x02\0\0\x80\xbb\0\0\0\0\0";
            self.page(&mut bytes, head, 2)?;
            self.page(&mut bytes, b"OpusTags\0\0\0\0\0\0\0\0", 0)?;
        }
        self.until += samples;
        self.page(&mut bytes, packet, 0)?;
        Some(Framed { bytes, lasts: samples * u64::from(TICKS / 48_000) })
    }

    /// RFC 3533, 6: a page of one packet.
    fn page(&mut self, out: &mut Vec<u8>, packet: &[u8], flags: u8) -> Option<()> {
        let pieces = u8::try_from(packet.len() / PIECES_MAX + 1).ok()?;
        let begin = out.len();
        out.extend_from_slice(&[b'O', b'g', b'g', b'S', 0, flags]);
        out.extend_from_slice(&self.until.to_le_bytes());
        out.extend_from_slice(&1u32.to_le_bytes());
        out.extend_from_slice(&self.pages.to_le_bytes());
        let check = out.len();
        out.extend_from_slice(&[0, 0, 0, 0, pieces]);
        out.resize(out.len() + usize::from(pieces) - 1, 255);
        out.push(u8::try_from(packet.len() % PIECES_MAX).ok()?);
        out.extend_from_slice(packet);
        let sum = checked(out.get(begin..)?).to_le_bytes();
        out.get_mut(check..check + 4)?.copy_from_slice(&sum);
        self.pages = self.pages.wrapping_add(1);
        Some(())
    }
}

/// RFC 3533, 6, 22-25.
fn checked(page: &[u8]) -> u32 {
    page.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << 24, |sum, _| {
            sum << 1 ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 }
        })
    })
}

/// ISO/IEC 11172-3, 2.4.1.3; 13818-3: the bytes of the frame that begins here, and how long it lasts.
fn mpa(frame: &[u8]) -> Option<(usize, u64)> {
    const LAYER_2: [u32; 14] = [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384];
    const LAYER_3: [u32; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const LOW: [u32; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    let [0xff, version, rates, ..] = *frame else { return None };
    if version & 0xe0 != 0xe0 {
        return None;
    }
    // Version 1, and 2 and 2.5 of halves and quarters of its rates.
    let (is_first, halves) = match version >> 3 & 3 {
        3 => (true, 0),
        2 => (false, 1),
        0 => (false, 2),
        _ => return None,
    };
    let (bit_rates, samples) = match (version >> 1 & 3, is_first) {
        (2, true) => (&LAYER_2, 1152),
        (2, false) => (&LOW, 1152),
        (1, true) => (&LAYER_3, 1152),
        (1, false) => (&LOW, 576),
        _ => return None,
    };
    let kilobits = bit_rates.get(usize::from(rates >> 4).checked_sub(1)?)?;
    let rate = [44_100, 48_000, 32_000].get(usize::from(rates >> 2 & 3))? >> halves;
    let len = samples / 8 * kilobits * 1000 / rate + u32::from(rates >> 1 & 1);
    Some((usize::try_from(len).ok()?, u64::from(samples * (TICKS / rate))))
}

/// ETSI TS 102 366, 4.4.1: the same.
fn ac3(frame: &[u8]) -> Option<(usize, u64)> {
    const KILOBITS: [u32; 19] =
        [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];
    let [0x0b, 0x77, _, _, size, id, ..] = *frame else { return None };
    // Beyond it is E-AC-3, whose head is another.
    if id >> 3 > 8 {
        return None;
    }
    let kilobits = KILOBITS.get(usize::from(size >> 1 & 0x1f))?;
    let (rate, words) = match size >> 6 {
        0 => (48_000, kilobits * 2),
        1 => (44_100, kilobits * 320 / 147 + u32::from(size & 1)),
        2 => (32_000, kilobits * 3),
        _ => return None,
    };
    Some((usize::try_from(words * 2).ok()?, 1536 * u64::from(TICKS / rate)))
}

/// RFC 6716, 3.1: how long a packet lasts, samples of 48 kHz.
fn opus(packet: &[u8]) -> Option<u64> {
    let (head, rest) = packet.split_first()?;
    let tenths = match head >> 3 {
        silk @ 0..12 => [100, 200, 400, 600].get(usize::from(silk & 3)),
        both @ 12..16 => [100, 200].get(usize::from(both & 1)),
        celt => [25, 50, 100, 200].get(usize::from(celt & 3)),
    }?;
    let frames = match head & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(rest.first()? & 0x3f),
    };
    let samples = frames * tenths * 48 / 10;
    (1..=OPUS_MAX).contains(&samples).then_some(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of layer 3, 128 kbit/s, 48 kHz: 384 bytes, 24 ms.
    fn frame(fill: u8) -> Vec<u8> {
        [&[0xff, 0xfb, 0x94, 0][..], &[fill; 380]].concat()
    }

    fn packet(at: u16, bytes: &[u8]) -> Vec<u8> {
        [&[0, 0][..], &at.to_be_bytes(), bytes].concat()
    }

    fn fills(framer: &mut Framer, at: u16, bytes: &[u8], is_behind_loss: bool) -> Vec<u8> {
        let frames = framer.push(&packet(at, bytes), is_behind_loss);
        assert!(frames.iter().all(|frame| (frame.bytes.len(), frame.lasts) == (384, 338_688)));
        frames.iter().map(|frame| frame.bytes[383]).collect()
    }

    #[test]
    fn frames_come_whole_however_they_are_packed_and_what_lost_a_part_is_left_out() {
        let mut framer = Framer::new(Framing::Mpa);
        let (one, two) = (frame(1), frame(2));
        assert_eq!(fills(&mut framer, 0, &[one.clone(), two.clone()].concat(), false), [1, 2]);
        assert_eq!(fills(&mut framer, 0, &one[..200], false), [0u8; 0]);
        assert_eq!(fills(&mut framer, 200, &one[200..], false), [1]);
        for (first, second, is_behind_loss) in
            [(&one[..200], &two[300..], true), (&one[..0], &two[200..], false)]
        {
            fills(&mut framer, 0, first, false);
            assert_eq!(fills(&mut framer, 200, second, is_behind_loss), [0u8; 0]);
            assert_eq!(fills(&mut framer, 0, &two, false), [2]);
        }
        // What begins anew has no rest.
        assert_eq!(fills(&mut framer, 0, &one[..200], false), [0u8; 0]);
        assert_eq!(fills(&mut framer, 0, &two, false), [2]);
        for junk in [&[][..], &[0; 3], &[0; 900], &[0xff; 900]] {
            for framing in [Framing::Mpa, Framing::Ac3] {
                assert_eq!(Framer::new(framing).push(junk, false), [], "{framing:?}");
            }
        }
    }

    #[test]
    fn heads_say_how_long_frames_are_and_last() {
        let ms = |lasts: u64| lasts as f64 * 1e3 / f64::from(TICKS);
        for (head, len, lasts_ms) in [
            // Layer 2, 192 kbit/s, 48 kHz; layer 3, 128 kbit/s, 44.1 kHz with a byte more.
            ([0xff, 0xfd, 0xa4], 576, 24.0),
            ([0xff, 0xfb, 0x92], 418, 1152.0 / 44.1),
            // Version 2: layer 3, 64 kbit/s, 24 kHz; layer 2, 64 kbit/s, 16 kHz. Version 2.5, 8 kHz.
            ([0xff, 0xf3, 0x84], 192, 24.0),
            ([0xff, 0xf5, 0x88], 576, 72.0),
            ([0xff, 0xe3, 0x48], 288, 72.0),
        ] {
            let (found, lasts) = mpa(&head).unwrap();
            assert!(found == len && (ms(lasts) - lasts_ms).abs() < 0.001, "{head:x?}: {found} {}", ms(lasts));
        }
        for wrong in [
            [0xff, 0xfb, 0x04],
            [0xff, 0xfb, 0xf4],
            [0xff, 0xfb, 0x9c],
            [0xff, 0xff, 0x94],
            [0xff, 0xeb, 0x94],
        ] {
            assert_eq!(mpa(&wrong), None, "{wrong:x?}");
        }
        let ac3 = |size, id: u8| ac3(&[0x0b, 0x77, 0, 0, size, id << 3]);
        assert_eq!(ac3(0x1c, 8).map(|(len, lasts)| (len, ms(lasts))), Some((1536, 32.0)));
        assert_eq!(ac3(0x41, 8).map(|(len, _)| len), Some(140));
        assert_eq!((ac3(0x1c, 16), ac3(0xdc, 8), ac3(0x26, 8)), (None, None, None));
        let ms = |packet: &[u8]| opus(packet).map(|samples| samples as f64 / 48.0);
        assert_eq!((ms(&[0x78]), ms(&[0x19]), ms(&[0xe3, 3])), (Some(20.0), Some(120.0), Some(7.5)));
        assert_eq!((ms(&[]), ms(&[0xfb]), ms(&[0xfb, 0]), ms(&[0xfb, 7])), (None, None, None, None));
    }

    #[test]
    fn a_page_has_its_number_its_end_and_its_sum() {
        let mut framer = Framer::new(Framing::Opus);
        let first = framer.push(&[0x78; 600], false).remove(0).bytes;
        assert_eq!(first.windows(4).filter(|word| word == b"OggS").count(), 3);
        let page = framer.push(&[0x78; 255], false).remove(0).bytes;
        let (numbers, rest) = page.split_at(26);
        assert_eq!((&numbers[6..14], &numbers[18..22]), (&1920u64.to_le_bytes()[..], &[3, 0, 0, 0][..]));
        assert_eq!((&rest[..3], rest.len()), (&[2, 255, 0][..], 3 + 255));
        let mut bare = page.clone();
        bare[22..26].fill(0);
        assert_eq!(page[22..26], checked(&bare).to_le_bytes());
        assert_eq!(framer.push(&[0x78; 70_000], false), [], "no page holds it");
    }
}
