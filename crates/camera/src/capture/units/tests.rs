//! What cameras make of packets, by hand.

use super::*;

const KEY: u8 = 0x65;
const SLICE: u8 = 0x41;

struct Camera {
    units: Units,
    arrived: i64,
}

impl Camera {
    fn new() -> Self {
        Self { units: Units::new(Coding::H264, 1000), arrived: 0 }
    }

    fn send(&mut self, stamp: i64, is_marked: bool, payload: &[u8]) -> &mut Self {
        self.arrived += 1;
        self.units.push(&RtpPacket { payload, stamp, is_marked, lost: 0, arrived: self.arrived });
        self
    }

    fn lose(&mut self, stamp: i64, is_marked: bool, payload: &[u8]) -> &mut Self {
        self.units.push(&RtpPacket { payload, stamp, is_marked, lost: 1, arrived: self.arrived });
        self
    }

    /// Stamp, whether it is a key frame, and the units of each picture.
    fn pictures(&mut self) -> Vec<(i64, bool, Vec<Vec<u8>>)> {
        let units = &mut self.units;
        std::iter::from_fn(|| units.next()).map(|unit| (unit.stamp, unit.is_key, split(&unit.data))).collect()
    }
}

fn split(mut data: &[u8]) -> Vec<Vec<u8>> {
    let mut units = Vec::new();
    while let Some((len, rest)) = data.split_first_chunk::<4>() {
        let (unit, rest) = rest.split_at(u32::from_be_bytes(*len) as usize);
        units.push(unit.to_vec());
        data = rest;
    }
    assert!(data.is_empty());
    units
}

#[test]
fn pictures_end_with_a_marker_or_with_the_next_ones_beginning() {
    let mut camera = Camera::new();
    camera.send(10, false, &[9, 0xf0]).send(10, false, &[0x67, 1]).send(10, false, &[0x68, 2]);
    camera.send(10, true, &[KEY, 0x88]).send(20, true, &[SLICE, 0x9a]);
    assert_eq!(
        camera.pictures(),
        [
            (10, true, vec![vec![0x67, 1], vec![0x68, 2], vec![KEY, 0x88]]),
            (20, false, vec![vec![SLICE, 0x9a]])
        ]
    );
    // No marker at all, and two pictures that bear one stamp.
    camera.send(30, false, &[SLICE, 0x81]).send(40, false, &[SLICE, 0x82]).send(40, false, &[SLICE, 0x83]);
    assert_eq!(camera.pictures().iter().map(|picture| picture.0).collect::<Vec<_>>(), [30, 40]);
    camera.units.finish();
    assert_eq!(camera.pictures().len(), 1);
}

#[test]
fn a_marker_behind_each_slice_is_found_to_lie_and_costs_one_picture() {
    let mut camera = Camera::new();
    for stamp in 1..5 {
        camera.send(stamp, true, &[SLICE, 0x80, 1]).send(stamp, true, &[SLICE, 0x40, 2]);
    }
    camera.units.finish();
    let slices: Vec<usize> = camera.pictures().iter().map(|picture| picture.2.len()).collect();
    assert_eq!(slices, [1, 2, 2, 2]);
}

#[test]
fn a_marker_or_a_time_of_its_own_behind_what_is_no_slice_ends_nothing() {
    let mut camera = Camera::new();
    camera.send(1, true, &[0x67, 1]).send(2, true, &[0x68, 2]).send(3, true, &[6, 5, 1, 0, 0x80]);
    // The first part of a slice, marked.
    camera.send(4, true, &[0x7c, 0x85, 0x88]).send(4, true, &[0x7c, 0x45, 7]);
    let expected = vec![vec![0x67, 1], vec![0x68, 2], vec![6, 5, 1, 0, 0x80], vec![KEY, 0x88, 7]];
    assert_eq!(camera.pictures(), [(4, true, expected)]);
}

#[test]
fn a_picture_came_when_the_first_packet_of_its_own_time_did() {
    let mut camera = Camera::new();
    camera.send(1, true, &[SLICE, 0x80]).send(1, true, &[6, 5, 1, 0, 0x80]);
    camera.send(2, false, &[SLICE, 0x80]).send(2, true, &[SLICE, 0x40]);
    camera.send(3, false, &[0x67, 1]).send(3, true, &[SLICE, 0x80]);
    let came: Vec<i64> = std::iter::from_fn(|| camera.units.next()).map(|unit| unit.arrived).collect();
    assert_eq!(came, [1, 3, 5]);
}

#[test]
fn parameter_sets_without_a_picture_fill_no_memory() {
    let mut camera = Camera { units: Units::new(Coding::H264, 16 << 20), arrived: 0 };
    for stamp in 0..3000i64 {
        let number = [(stamp >> 7) as u8 | 0x80, stamp as u8 | 0x80];
        camera.send(stamp, true, &[&[0x68][..], &number, &[7; 1000]].concat());
        let open = camera.units.open.as_ref().unwrap();
        assert!(open.unit.sets.len() <= SETS_MAX && open.unit.data.len() < 2 << 20, "{stamp}");
    }
    for _ in 0..3 {
        camera.send(5000, false, &[0x67, 1]);
    }
    camera.send(5000, true, &[KEY, 0x88]);
    let unit = camera.units.next().unwrap();
    assert_eq!(unit.sets.iter().filter(|set| **set == [0x67, 1]).count(), 1);
}

#[test]
fn what_was_said_of_a_picture_that_was_lost_is_not_said_of_the_next() {
    let mut camera = Camera::new();
    camera.send(1, false, &[6, 6, 1, 0xc4, 0x80]).send(1, false, &[0x5c, 0x81, 0x88]);
    camera.lose(1, true, &[0x5c, 0x41, 9]).send(2, true, &[SLICE, 0x9a]);
    assert_eq!(
        camera.pictures().iter().map(|picture| (picture.0, picture.1)).collect::<Vec<_>>(),
        [(2, false)]
    );
}

#[test]
fn a_unit_that_lost_a_packet_is_left_out_and_the_rest_stays() {
    let mut camera = Camera::new();
    camera.send(1, false, &[SLICE, 0x80]).send(1, false, &[0x5c, 0x81, 0x40]).lose(1, true, &[0x5c, 0x41, 9]);
    camera.lose(2, true, &[0x5c, 0x41, 9]).send(3, true, &[SLICE, 0x80]);
    let expected = vec![vec![SLICE, 0x80]];
    assert_eq!(camera.pictures(), [(1, false, expected.clone()), (3, false, expected)]);
}

#[test]
fn several_units_of_a_packet_and_start_codes_in_one_are_taken_apart() {
    let mut camera = Camera::new();
    camera.send(1, false, &[24, 0, 2, 0x67, 1, 0, 2, 0x68, 2]);
    camera.send(1, true, &[6, 5, 1, 0, 0x80, 0, 0, 0, 1, KEY, 0x88]);
    let (_, is_key, units) = camera.pictures().remove(0);
    assert_eq!((is_key, units.len()), (true, 4));
}

#[test]
fn a_picture_that_says_that_decoding_may_begin_is_a_key_frame() {
    let mut camera = Camera::new();
    camera.send(1, false, &[6, 6, 1, 0xc4, 0x80]).send(1, true, &[SLICE, 0x88]);
    camera.send(2, false, &[6, 6, 1, 0x24, 0x80]).send(2, true, &[SLICE, 0x88]);
    assert_eq!(camera.pictures().iter().map(|picture| picture.1).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn h265_comes_in_the_same_three_ways() {
    let mut units = Units::new(Coding::H265, 1000);
    let mut push = |stamp, is_marked, payload: &[u8]| {
        units.push(&RtpPacket { payload, stamp, is_marked, lost: 0, arrived: 0 });
        units.next().map(|unit| (unit.is_key, unit.sets.len(), split(&unit.data)))
    };
    assert_eq!(push(1, false, &[0x60, 1, 0, 2, 0x40, 1, 0, 2, 0x42, 1]), None);
    assert_eq!(push(1, false, &[0x44, 1]), None);
    assert_eq!(push(1, false, &[0x62, 1, 0x93, 0x80]), None);
    let (is_key, sets, slices) = push(1, true, &[0x62, 1, 0x53, 7]).unwrap();
    assert_eq!((is_key, sets, slices.last()), (true, 3, Some(&vec![0x26, 1, 0x80, 7])));
    assert_eq!(push(2, true, &[0x02, 1, 0x80]), Some((false, 0, vec![vec![0x02, 1, 0x80]])));
}

#[test]
fn a_picture_that_is_too_large_is_left_out_and_named_and_no_bytes_are_none() {
    let mut camera = Camera::new();
    for _ in 0..3 {
        camera.send(1, false, &[&[SLICE, 0x40][..], &[7; 400]].concat());
    }
    camera.send(2, true, &[SLICE, 0x80]);
    assert_eq!(camera.pictures().len(), 1);
    assert_eq!((camera.units.take_too_large(), camera.units.take_too_large()), (Some(3 * 406), None));
    for coding in [Coding::H264, Coding::H265] {
        let mut units = Units::new(coding, 1000);
        // Each head with each second byte, cut everywhere.
        for head in 0..=255 {
            for second in [0, 0x40, 0x80, 0xff] {
                for len in 0..6 {
                    let payload = &[head, second, 0xc1, 0, 1, 0][..len];
                    units.push(&RtpPacket {
                        payload,
                        stamp: 1,
                        is_marked: head % 2 == 0,
                        lost: 0,
                        arrived: 0,
                    });
                }
            }
        }
    }
}
