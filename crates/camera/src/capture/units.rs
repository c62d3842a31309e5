//! RTP packets of a picture's stream into pictures (RFC 6184, RFC 7798). Sans I/O.
//!
//! ```text
//! packet: one NAL unit | several (STAP-A, AP) | a part of one (FU-A, FU)      picture: NAL units behind their lengths
//! ```
//! Cameras set markers where no picture ends, give a parameter set a time of its own, or hide start
//! codes in packets: what ends a picture is the next one's first slice, its time, or a marker that
//! was never found to lie. A unit that lost a packet is left out, and the rest of its picture stays.
//! In scope: one stream. Out of scope: sessions and order of packets (`retina`), time (`timing`).

use container::sps::Coding;
use std::collections::VecDeque;

/// The most parameter sets of a picture, and the largest: what an avcC holds.
const SETS_MAX: usize = 64;
const SET_MAX: usize = u16::MAX as usize;
/// No picture has so much before its first slice, bytes.
const BEFORE_SLICES_MAX: usize = 1 << 20;

/// One packet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RtpPacket<'a> {
    pub(crate) payload: &'a [u8],
    /// Ticks of 90 kHz that never wrap.
    pub(crate) stamp: i64,
    pub(crate) is_marked: bool,
    /// How many before it are missing.
    pub(crate) lost: u16,
    pub(crate) arrived: i64,
}

/// One picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) stamp: i64,
    /// When the first packet of its time came.
    pub(crate) arrived: i64,
    pub(crate) is_key: bool,
    /// Whether packets before or within it are missing.
    pub(crate) lacks: bool,
    /// NAL units, each behind its length in four bytes; parameter sets too.
    pub(crate) data: Vec<u8>,
    /// The parameter sets among them.
    pub(crate) sets: Vec<Vec<u8>>,
}

/// The stream at hand.
#[derive(Debug)]
pub(crate) struct Units {
    coding: Coding,
    /// A larger picture is left out.
    len_max: usize,
    open: Option<OpenUnit>,
    /// A unit of which the end has not come.
    part: Option<Vec<u8>>,
    /// The stamp of the picture that a marker ended.
    marked: Option<i64>,
    markers_lie: bool,
    /// Whether packets are missing before what comes next.
    lacks: bool,
    ready: VecDeque<Unit>,
    /// How large the largest was that was left out.
    too_large: Option<usize>,
}

#[derive(Debug)]
struct OpenUnit {
    unit: Unit,
    has_slices: bool,
    len: usize,
}

/// What a NAL unit is for a picture.
enum UnitKind {
    /// Whether it can be decoded alone.
    Slice {
        is_key: bool,
    },
    Set,
    /// That the picture can be decoded alone, though its slices do not say so.
    Recovery,
    /// Delimiters and filling.
    Nothing,
    Other,
}

impl Units {
    pub(crate) fn new(coding: Coding, len_max: usize) -> Self {
        Self {
            coding,
            len_max,
            open: None,
            part: None,
            marked: None,
            markers_lie: false,
            lacks: false,
            ready: VecDeque::new(),
            too_large: None,
        }
    }

    /// The next whole picture.
    pub(crate) fn next(&mut self) -> Option<Unit> {
        self.ready.pop_front()
    }

    /// The size of a picture that was left out since this was asked last.
    pub(crate) fn take_too_large(&mut self) -> Option<usize> {
        self.too_large.take()
    }

    pub(crate) fn push(&mut self, packet: &RtpPacket) {
        if packet.lost > 0 {
            self.part = None;
            self.lacks = true;
            if let Some(open) = self.open.as_mut().filter(|open| !open.has_slices) {
                // What was said of a picture that may be lost is not said of the next.
                open.unit.is_key = false;
            }
        }
        match &mut self.open {
            Some(open) if open.unit.stamp == packet.stamp => {}
            Some(open) if open.has_slices => self.end(),
            Some(open) if open.len > BEFORE_SLICES_MAX => self.open = None,
            // What has a time of its own, or that of the picture before, is of the one that follows.
            Some(OpenUnit { unit, .. }) => (unit.stamp, unit.arrived) = (packet.stamp, packet.arrived),
            None => {}
        }
        match self.coding {
            Coding::H264 => self.h264(packet),
            Coding::H265 => self.h265(packet),
        }
        let is_whole = self.part.is_none() && self.open.as_ref().is_some_and(|open| open.has_slices);
        if packet.is_marked && is_whole && !self.markers_lie {
            self.end();
            self.marked = Some(packet.stamp);
        }
    }

    /// No more packets come.
    pub(crate) fn finish(&mut self) {
        self.end();
    }

    fn h264(&mut self, packet: &RtpPacket) {
        let Some((head, rest)) = packet.payload.split_first() else { return };
        match self.coding.kind(*head) {
            24 => self.several(packet, rest),
            28 => {
                let Some((part, body)) = rest.split_first() else { return };
                self.partial(packet, &[head & 0xe0 | part & 0x1f], *part, body);
            }
            1..=23 => self.whole(packet, packet.payload),
            _ => {}
        }
    }

    fn h265(&mut self, packet: &RtpPacket) {
        let Some(([head, layer], rest)) = packet.payload.split_first_chunk::<2>() else { return };
        match self.coding.kind(*head) {
            48 => self.several(packet, rest),
            49 => {
                let Some((part, body)) = rest.split_first() else { return };
                self.partial(packet, &[head & 0x81 | (part & 0x3f) << 1, *layer], *part, body);
            }
            0..=47 => self.whole(packet, packet.payload),
            _ => {}
        }
    }

    fn several(&mut self, packet: &RtpPacket, mut rest: &[u8]) {
        while let Some((len, behind)) = rest.split_first_chunk::<2>() {
            let Some((unit, behind)) = behind.split_at_checked(u16::from_be_bytes(*len).into()) else {
                return;
            };
            self.whole(packet, unit);
            rest = behind;
        }
    }

    fn partial(&mut self, packet: &RtpPacket, head: &[u8], part: u8, body: &[u8]) {
        if part & 0x80 != 0 {
            self.part = Some(head.to_vec());
        }
        // Its beginning was lost.
        let Some(unit) = &mut self.part else { return };
        if unit.len() <= self.len_max {
            unit.extend_from_slice(body);
        }
        if part & 0x40 != 0 {
            let unit = self.part.take().unwrap_or_default();
            self.whole(packet, &unit);
        }
    }

    /// A whole unit, or several between start codes, which stand in none.
    fn whole(&mut self, packet: &RtpPacket, unit: &[u8]) {
        let mut rest = unit;
        while let Some(at) = rest.windows(3).position(|code| code == [0, 0, 1]) {
            let (before, behind) = rest.split_at(at);
            self.unit(packet, before);
            rest = behind.get(3..).unwrap_or_default();
        }
        self.unit(packet, rest);
    }

    fn unit(&mut self, packet: &RtpPacket, unit: &[u8]) {
        let end = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let unit = unit.get(..end).unwrap_or_default();
        let Some(kind) = kind(self.coding, unit) else { return };
        if let UnitKind::Nothing = kind {
            return;
        }
        if let UnitKind::Slice { .. } = kind {
            let is_first = is_first_slice(self.coding, unit);
            let has_slices = self.open.as_ref().is_some_and(|open| open.has_slices);
            if is_first && has_slices {
                self.end();
            } else if !is_first && !has_slices && self.marked == Some(packet.stamp) {
                // The rest of a picture that had an end before it.
                self.markers_lie = true;
                return;
            }
        }
        let fresh = || OpenUnit {
            unit: Unit {
                stamp: packet.stamp,
                arrived: packet.arrived,
                is_key: false,
                lacks: false,
                data: Vec::new(),
                sets: Vec::new(),
            },
            has_slices: false,
            len: 0,
        };
        let open = self.open.get_or_insert_with(fresh);
        open.unit.lacks |= std::mem::take(&mut self.lacks);
        match kind {
            UnitKind::Slice { is_key } => {
                open.unit.is_key |= is_key;
                open.has_slices = true;
            }
            UnitKind::Set => {
                let sets = &mut open.unit.sets;
                if unit.len() <= SET_MAX && !sets.iter().any(|set| set == unit) {
                    if sets.len() == SETS_MAX {
                        sets.remove(0);
                    }
                    sets.push(unit.to_vec());
                }
            }
            UnitKind::Recovery => open.unit.is_key = true,
            UnitKind::Nothing | UnitKind::Other => {}
        }
        open.len += 4 + unit.len();
        if open.len <= self.len_max
            && let Ok(len) = u32::try_from(unit.len())
        {
            open.unit.data.extend_from_slice(&len.to_be_bytes());
            open.unit.data.extend_from_slice(unit);
        }
    }

    fn end(&mut self) {
        self.part = None;
        self.marked = None;
        let Some(open) = self.open.take().filter(|open| open.has_slices) else { return };
        if open.len > self.len_max {
            self.too_large = self.too_large.max(Some(open.len));
            return;
        }
        self.ready.push_back(open.unit);
    }
}

fn kind(coding: Coding, unit: &[u8]) -> Option<UnitKind> {
    Some(match (coding, coding.kind(*unit.first()?)) {
        (Coding::H264, kind @ 1..=5) => UnitKind::Slice { is_key: kind == 5 },
        (Coding::H264, 6) if is_recovery(unit.get(1..)?) => UnitKind::Recovery,
        (Coding::H265, kind @ 0..=31) => UnitKind::Slice { is_key: (16..=23).contains(&kind) },
        (Coding::H264, 7 | 8) | (Coding::H265, 32..=34) => UnitKind::Set,
        (Coding::H264, 9 | 12) | (Coding::H265, 35 | 38) => UnitKind::Nothing,
        (Coding::H264 | Coding::H265, _) => UnitKind::Other,
    })
}

fn is_first_slice(coding: Coding, unit: &[u8]) -> bool {
    unit.get(coding.header()).is_some_and(|byte| byte & 0x80 != 0)
}

/// ISO/IEC 14496-10, D.1.8: whether a message says that pictures are right from this one on.
fn is_recovery(mut messages: &[u8]) -> bool {
    while messages.len() > 2 {
        let (mut kind, mut size) = (0usize, 0usize);
        for value in [&mut kind, &mut size] {
            loop {
                let Some((byte, rest)) = messages.split_first() else { return false };
                messages = rest;
                *value += usize::from(*byte);
                if *byte != 255 {
                    break;
                }
            }
        }
        let Some((message, rest)) = messages.split_at_checked(size) else { return false };
        if kind == 6 {
            return message.first().is_some_and(|byte| byte & 0x80 != 0);
        }
        messages = rest;
    }
    false
}

#[cfg(test)]
mod tests;
