//! What a sequence parameter set says of the pictures that follow it (ISO/IEC 14496-10, 7.3.2.1.1
//! and annex E; 23008-2, 7.3.2.2).
//!
//! In scope: what a sample entry, the order of decoding and the likeness of two runs need. Out of
//! scope: what only a decoder needs; the colours of H.265, which stand behind it.

/// The largest picture that is taken for one, pixels a side: beyond it a parser misread.
const SIDE_MAX: u32 = 16_384;

/// How pictures are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// ISO/IEC 14496-10, AVC.
    H264,
    /// ISO/IEC 23008-2, HEVC.
    H265,
}

impl Coding {
    /// How many bytes the header of a NAL unit has.
    pub fn header(self) -> usize {
        match self {
            Self::H264 => 1,
            Self::H265 => 2,
        }
    }

    /// The kind of a NAL unit that begins with this byte (ISO/IEC 14496-10, table 7-1; 23008-2,
    /// table 7-1).
    pub fn kind(self, head: u8) -> u8 {
        match self {
            Self::H264 => head & 0x1f,
            Self::H265 => head >> 1 & 0x3f,
        }
    }

    /// The kind of a sequence parameter set.
    pub(crate) fn sequence(self) -> u8 {
        match self {
            Self::H264 => 7,
            Self::H265 => 33,
        }
    }
}

/// What one set says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sps {
    /// What the rest is said of.
    pub coding: Coding,
    /// Pixels that are shown.
    pub width: u16,
    /// Pixels that are shown.
    pub height: u16,
    /// `profile_idc`, `general_profile_idc`.
    pub profile: u8,
    /// 0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma: u8,
    /// Bits of a sample of luma, and of chroma.
    pub bit_depth: (u8, u8),
    /// Full range, and primaries, transfer and matrix, if they are said.
    pub colour: Option<(bool, Option<[u8; 3]>)>,
    /// How many pictures a decoder holds back to show them in order, if it is said.
    pub reordered: Option<usize>,
    /// H.265: profile, tier and level as they stand (`general_...`), and the number of sub-layers.
    pub(crate) general: ([u8; 12], u8),
}

impl Sps {
    /// Reads a whole NAL unit, header included. None if it is not one.
    pub fn parse(coding: Coding, unit: &[u8]) -> Option<Self> {
        let mut bits = Bits::of(unit.get(coding.header()..)?);
        match coding {
            Coding::H264 => h264(&mut bits),
            Coding::H265 => h265(&mut bits),
        }
    }

    /// Whether pictures under both can stand in one run: same size, profile, depth and colour,
    /// whatever else differs.
    pub fn is_like(&self, other: &Self) -> bool {
        let of = |sps: &Self| (sps.coding, sps.width, sps.height, sps.profile, sps.chroma, sps.bit_depth);
        // What is not said is what everybody takes it for: limited range, and 2 is "unspecified".
        let colour = |sps: &Self| {
            let (is_full, described) = sps.colour.unwrap_or_default();
            (is_full, described.unwrap_or([2; 3]))
        };
        of(self) == of(other) && colour(self) == colour(other)
    }
}

/// The number of a picture parameter set: at most 255, as the most that a sample entry counts.
pub(crate) fn number(coding: Coding, unit: &[u8]) -> Option<u32> {
    let body = unit.get(coding.header()..)?;
    Bits::of(body.get(..8).unwrap_or(body)).ue().filter(|number| *number < 256)
}

fn h264(bits: &mut Bits) -> Option<Sps> {
    let (profile, constraints, _level) = (bits.byte()?, bits.byte()?, bits.byte()?);
    bits.ue()?;
    let (mut chroma, mut separate, mut depth) = (1, 0, (8, 8));
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        chroma = bits.ue()?;
        if chroma == 3 {
            separate = bits.take(1)?;
        }
        depth = (bits.depth()?, bits.depth()?);
        bits.take(1)?;
        if bits.take(1)? == 1 {
            for list in 0..if chroma == 3 { 12 } else { 8 } {
                if bits.take(1)? == 1 {
                    scaling_list(bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    bits.ue()?;
    let order = bits.ue()?;
    match order {
        0 => bits.skip_ue(1)?,
        1 => {
            bits.take(1)?;
            bits.skip_ue(2)?;
            let count = bits.ue()?;
            bits.skip_ue(count.min(255))?;
        }
        _ => {}
    }
    bits.ue()?;
    bits.take(1)?;
    let (wide, high) = (bits.ue()?.checked_add(1)?, bits.ue()?.checked_add(1)?);
    let frames_only = bits.take(1)?;
    if frames_only == 0 {
        bits.take(1)?;
    }
    bits.take(1)?;
    let (unit_x, unit_y) = match (chroma, separate) {
        (0, _) | (_, 1) => (1, 2 - frames_only),
        (1, _) => (2, 2 * (2 - frames_only)),
        (2, _) => (2, 2 - frames_only),
        _ => (1, 2 - frames_only),
    };
    let crop = if bits.take(1)? == 1 { [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?] } else { [0; 4] };
    let [left, right, top, bottom] = crop;
    let (width, height) = (wide.checked_mul(16)?, high.checked_mul(16)?.checked_mul(2 - frames_only)?);
    let (colour, said) = if bits.take(1)? == 1 { vui(bits)? } else { (None, None) };
    // Annex A: no such picture is shown out of order, and (8.2.1.3) none whose order is that of decoding.
    let never = profile == 66
        || order == 2
        || (constraints & 0x10 != 0 && matches!(profile, 44 | 86 | 100 | 110 | 122 | 244));
    Some(Sps {
        coding: Coding::H264,
        width: side(width, left, right, unit_x)?,
        height: side(height, top, bottom, unit_y)?,
        profile,
        chroma: u8::try_from(chroma).ok()?,
        bit_depth: depth,
        colour,
        reordered: if never { Some(0) } else { said },
        general: ([0; 12], 1),
    })
}

type Said = (Option<(bool, Option<[u8; 3]>)>, Option<usize>);

/// Annex E.1.1. What is cut off is not said.
fn vui(bits: &mut Bits) -> Option<Said> {
    if bits.take(1)? == 1 && bits.byte()? == 255 {
        bits.take(32)?;
    }
    if bits.take(1)? == 1 {
        bits.take(1)?;
    }
    let mut colour = None;
    if bits.take(1)? == 1 {
        bits.take(3)?;
        let is_full = bits.take(1)? == 1;
        let described = bits.take(1)? == 1;
        colour =
            Some((is_full, if described { Some([bits.byte()?, bits.byte()?, bits.byte()?]) } else { None }));
    }
    Some((colour, restriction(bits)))
}

fn restriction(bits: &mut Bits) -> Option<usize> {
    if bits.take(1)? == 1 {
        bits.skip_ue(2)?;
    }
    if bits.take(1)? == 1 {
        bits.take(32)?;
        bits.take(32)?;
        bits.take(1)?;
    }
    let mut has_hrd = false;
    for _ in 0..2 {
        if bits.take(1)? == 1 {
            has_hrd = true;
            let count = bits.ue()?.min(31) + 1;
            bits.take(8)?;
            for _ in 0..count {
                bits.skip_ue(2)?;
                bits.take(1)?;
            }
            bits.take(20)?;
        }
    }
    if has_hrd {
        bits.take(1)?;
    }
    bits.take(1)?;
    if bits.take(1)? == 0 {
        return None;
    }
    bits.take(1)?;
    bits.skip_ue(4)?;
    usize::try_from(bits.ue()?).ok().filter(|count| *count <= 16)
}

fn scaling_list(bits: &mut Bits, size: u32) -> Option<()> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..size {
        if next != 0 {
            let code = i64::from(bits.ue()?);
            let delta = if code % 2 == 1 { code / 2 + 1 } else { -(code / 2) };
            next = (last + delta).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

fn h265(bits: &mut Bits) -> Option<Sps> {
    bits.take(4)?;
    let layers = bits.take(3)?;
    let nested = bits.take(1)?;
    let mut general = [0; 12];
    for byte in &mut general {
        *byte = bits.byte()?;
    }
    let mut present = Vec::new();
    for _ in 0..layers {
        present.push((bits.take(1)?, bits.take(1)?));
    }
    if layers > 0 {
        bits.take(2 * (8 - layers))?;
    }
    for (profile, level) in present {
        for _ in 0..11 * profile + level {
            bits.byte()?;
        }
    }
    bits.ue()?;
    let chroma = bits.ue()?;
    let separate = if chroma == 3 { bits.take(1)? } else { 0 };
    let (width, height) = (bits.ue()?, bits.ue()?);
    let (unit_x, unit_y) = match (chroma, separate) {
        (1, _) => (2, 2),
        (2, _) => (2, 1),
        _ => (1, 1),
    };
    let crop = if bits.take(1)? == 1 { [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?] } else { [0; 4] };
    let [left, right, top, bottom] = crop;
    let depth = (bits.depth()?, bits.depth()?);
    bits.ue()?;
    let first = if bits.take(1)? == 1 { 0 } else { layers };
    let mut reordered = 0;
    for _ in first..=layers {
        bits.ue()?;
        reordered = bits.ue()?;
        bits.ue()?;
    }
    let [head, ..] = general;
    Some(Sps {
        coding: Coding::H265,
        width: side(width, left, right, unit_x)?,
        height: side(height, top, bottom, unit_y)?,
        profile: head & 0x1f,
        chroma: u8::try_from(chroma).ok()?,
        bit_depth: depth,
        colour: None,
        reordered: usize::try_from(reordered).ok().filter(|count| *count <= 16),
        general: (general, u8::try_from((layers + 1) << 1 | nested).ok()?),
    })
}

fn side(coded: u32, before: u32, behind: u32, unit: u32) -> Option<u16> {
    let cut = before.checked_add(behind)?.checked_mul(unit)?;
    let shown = coded.checked_sub(cut).filter(|shown| (1..=SIDE_MAX).contains(shown))?;
    u16::try_from(shown).ok()
}

/// Bits of a NAL unit, without the bytes that keep start codes out of it.
struct Bits {
    bytes: Vec<u8>,
    at: usize,
}

impl Bits {
    fn of(unit: &[u8]) -> Self {
        let (mut bytes, mut zeros) = (Vec::with_capacity(unit.len()), 0);
        for byte in unit {
            if zeros >= 2 && *byte == 3 {
                zeros = 0;
                continue;
            }
            zeros = if *byte == 0 { zeros + 1 } else { 0 };
            bytes.push(*byte);
        }
        Self { bytes, at: 0 }
    }

    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    fn byte(&mut self) -> Option<u8> {
        u8::try_from(self.take(8)?).ok()
    }

    /// Exp-Golomb, clause 9.1.
    fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1u32 << zeros) - 1 + self.take(zeros)?)
    }

    /// Bits of a sample, of which eight are not said; no coding has more than sixteen.
    fn depth(&mut self) -> Option<u8> {
        let more = self.ue().filter(|more| *more <= 8)?;
        u8::try_from(8 + more).ok()
    }

    fn skip_ue(&mut self, count: u32) -> Option<()> {
        (0..count).try_for_each(|_| self.ue().map(|_| ()))
    }
}
