//! A byte stream of fragmented MP4, as ffmpeg or a camera writes it, cut into its init segment and
//! fragments.

use crate::fragment::Fragment;
use crate::init::Init;
use crate::{BOX_MAX, BoxError, INIT_MAX, box_header, letters};

/// From 1900, where NTP's seconds begin, to 1970.
const NTP_TO_UNIX_SECS: u64 = 2_208_988_800;

/// The boxes of a stream; behind the first four indexes, padding, events, a producer's clock.
const BOXES: [&[u8; 4]; 12] = [
    b"ftyp", b"moov", b"moof", b"mdat", b"prft", b"styp", b"sidx", b"free", b"skip", b"emsg", b"mfra",
    b"uuid",
];
const BOXES_EXPECTED: &str = "a box of fragmented MP4";

/// What comes out.
#[derive(Debug, Clone)]
pub enum Piece {
    /// A new run begins: codec, resolution or source changed.
    Init(Box<Init>),
    /// The next fragment of the run.
    Fragment(Fragment),
}

/// An incremental splitter: [`Splitter::push`] bytes, take pieces with [`Splitter::next_piece`].
#[derive(Debug, Default)]
pub struct Splitter {
    buffer: Vec<u8>,
    consumed: usize,
    /// Bytes to come of a fragment that is left out.
    left_out: u64,
    /// ftyp, waiting for its moov; or moof, waiting for its mdat.
    begun: Vec<u8>,
    init: Option<Box<Init>>,
}

impl Splitter {
    /// Before the first byte.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes that arrived. Take pieces until there are none before pushing more.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.consumed);
        self.consumed = 0;
        let len = usize::try_from(self.left_out).unwrap_or(usize::MAX).min(bytes.len());
        self.left_out -= len as u64;
        self.buffer.extend_from_slice(bytes.get(len..).unwrap_or_default());
    }

    /// The next whole piece; `None` when more bytes are needed. An error is final, for where boxes
    /// begin is lost; but not [`BoxError::LeftOut`].
    ///
    /// # Errors
    /// [`BoxError`].
    pub fn next_piece(&mut self) -> Result<Option<Piece>, BoxError> {
        loop {
            let rest = self.buffer.get(self.consumed..).unwrap_or_default();
            let Some((size, kind)) = box_header(rest) else { return Ok(None) };
            let is_media = kind == *b"mdat" && expect(&self.begun, *b"moof", "moof before mdat").is_ok();
            if is_media && size > BOX_MAX as u64 {
                self.begun.clear();
                let here = usize::try_from(size).unwrap_or(usize::MAX).min(rest.len());
                self.consumed += here;
                self.left_out = size - here as u64;
                return Err(BoxError::LeftOut { size });
            }
            // What is no box of ours is named, and not measured: its length may be anything.
            if !BOXES.contains(&&kind) {
                return Err(BoxError::Unexpected { expected: BOXES_EXPECTED, found: letters(kind) });
            }
            let limit = if matches!(&kind, b"ftyp" | b"moov") { INIT_MAX } else { BOX_MAX };
            let len = usize::try_from(size).ok().filter(|len| (8..=limit).contains(len));
            let len = len.ok_or_else(|| BoxError::TooLarge { kind: letters(kind), size, limit })?;
            let Some(whole) = rest.get(..len) else { return Ok(None) };
            let piece = match &kind {
                b"ftyp" | b"moof" => {
                    self.begun = whole.to_vec();
                    None
                }
                b"moov" => {
                    expect(&self.begun, *b"ftyp", "ftyp before moov")?;
                    self.begun.extend_from_slice(whole);
                    let init = Box::new(Init::parse(&std::mem::take(&mut self.begun))?);
                    self.init = Some(init.clone());
                    Some(Piece::Init(init))
                }
                b"mdat" => {
                    expect(&self.begun, *b"moof", "moof before mdat")?;
                    let init = self.init.as_ref().ok_or(BoxError::Unexpected {
                        expected: "an init segment first",
                        found: "moof".to_owned(),
                    })?;
                    self.begun.extend_from_slice(whole);
                    Some(Piece::Fragment(Fragment::parse(init, &std::mem::take(&mut self.begun))?))
                }
                // Nothing that a viewer needs.
                _ => None,
            };
            self.consumed += len;
            if piece.is_some() {
                return Ok(piece);
            }
        }
    }

    /// No more bytes come.
    ///
    /// # Errors
    /// [`BoxError::Truncated`] inside a box or between a moof and its mdat.
    pub fn finish(self) -> Result<(), BoxError> {
        let whole = self.buffer.len() == self.consumed && self.begun.is_empty() && self.left_out == 0;
        if whole { Ok(()) } else { Err(BoxError::Truncated) }
    }
}

/// A time of NTP in microseconds since 1970; none before that.
pub fn unix_us(ntp: u64) -> Option<u64> {
    let (secs, fraction) = (ntp >> 32, ntp & 0xffff_ffff);
    // RFC 4330, 3: seconds without the highest bit are those of the era that begins in 2036.
    let secs = if secs >> 31 == 0 { secs + (1 << 32) } else { secs };
    Some(secs.checked_sub(NTP_TO_UNIX_SECS)? * 1_000_000 + ((fraction * 1_000_000) >> 32))
}

fn expect(begun: &[u8], kind: [u8; 4], expected: &'static str) -> Result<(), BoxError> {
    match box_header(begun) {
        Some((_, found)) if found == kind => Ok(()),
        Some((_, found)) => Err(BoxError::Unexpected { expected, found: letters(found) }),
        None => Err(BoxError::Unexpected { expected, found: "nothing".to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_this_era_of_ntp_and_the_next_and_a_senseless_one_is_none() {
        assert_eq!(unix_us((NTP_TO_UNIX_SECS + 7) << 32 | 0x8000_0000), Some(7_500_000));
        assert_eq!(unix_us(5 << 32), Some(((1 << 32) - NTP_TO_UNIX_SECS + 5) * 1_000_000));
        assert_eq!(unix_us(u64::from(1u32 << 31) << 32), None, "1968");
    }

    /// The first fragments of a fixture, the second one's media this long.
    fn grown(len: u32) -> (Vec<u8>, usize) {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/h264-aac.mp4");
        let mut ffmpeg = std::process::Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-v", "error", "-i", file]).args("-t 2 -c copy -f mp4 -movflags".split(' '));
        ffmpeg.args("empty_moov+default_base_moof+frag_keyframe -frag_duration 100000 pipe:1".split(' '));
        let made = ffmpeg.output().unwrap().stdout;
        let (mut out, mut at, mut media) = (Vec::new(), 0, 0);
        while let Some((size, kind)) = box_header(&made[at..]) {
            let whole = &made[at..at + size as usize];
            at += whole.len();
            media += usize::from(kind == *b"mdat");
            if kind == *b"mdat" && media == 2 {
                out.extend([&len.to_be_bytes()[..], &whole[4..]].concat());
                out.resize(out.len() + len as usize - whole.len(), 0);
            } else if kind != *b"mfra" {
                out.extend(whole);
            }
        }
        (out, media)
    }

    #[test]
    fn a_fragment_over_the_limit_is_left_out_and_the_ones_behind_it_come() {
        let most = BOX_MAX as u32;
        for (len, is_carried) in [(most, true), (most + 1, false), (40 << 20, false)] {
            let (bytes, all) = grown(len);
            // In pieces, and at once.
            for chunk in [1 << 20, bytes.len()] {
                let (mut splitter, mut fragments, mut left_out) = (Splitter::new(), 0, 0);
                for bytes in bytes.chunks(chunk) {
                    splitter.push(bytes);
                    assert!(splitter.buffer.len() <= BOX_MAX + 2 * chunk, "no more than a box is held");
                    loop {
                        match splitter.next_piece() {
                            Ok(Some(Piece::Fragment(_))) => fragments += 1,
                            Ok(Some(Piece::Init(_))) => {}
                            Ok(None) => break,
                            Err(BoxError::LeftOut { size }) => {
                                assert_eq!(size, u64::from(len));
                                left_out += 1;
                            }
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
                let gone = usize::from(!is_carried);
                assert_eq!((fragments, left_out), (all - gone, gone), "{len} in {chunk}");
                assert_eq!(splitter.finish(), Ok(()));
            }
        }
    }
}
