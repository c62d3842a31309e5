//! Receiving a segment between the socket and the disk: scanned and hashed where it lies, beside
//! the same with the copies that a reader with buffers of its own makes.
//!
//! ```text
//! cargo run --release -p candor-benches --bin receive [-- --json]
//! ```
//!
//! *In place* is what `relay` does with a chunk of 4 KiB or more: the scanner is given the pieces
//! that arrived, the hash runs over them, and the same pieces go to the store. Pieces of a datagram
//! it copies once before that, which is not measured here. *Copying* moves each byte three times: into the
//! reader's buffer, out of it as a fragment, and into the body for the store. The bound is the hash
//! alone, which every relay that checks what it stores must take. Pieces are as datagrams bring
//! them; memory alone, no network and no disk.
#![allow(clippy::unwrap_used)]

use bytes::{Bytes, BytesMut};
use ed25519_dalek::SigningKey;
use measure::{Candidate, Report, Table, in_turns};
use media::chain::{Chain, FragmentsHash};
use media::id::{CameraId, EpochNo, Sequence, TrackId};
use media::rope::Rope;
use media::segment::{
    END, HEADER_LEN, Part, SegmentHeader, SegmentReader, Start, Trailer, chain_after, frame,
};
use media::time::Micros;
use std::time::Duration;

const FRAGMENTS: u32 = 20;
const SIZES_KB: [usize; 3] = [4, 32, 256];
/// Bytes of a segment in one datagram.
const PIECE: usize = 1350;
const EACH: Duration = Duration::from_secs(6);

fn main() {
    let mut report = Report::new("receive");
    let mut table = Table::new(
        format!(
            "a segment of {FRAGMENTS} fragments in pieces of {PIECE} bytes; GB/s, and time as a multiple"
        ),
        &[
            "fragment",
            "in place",
            "copying",
            "hash alone",
            "place/hash",
            "copying/hash",
            "place/copying",
            "+-%",
        ],
    );
    for kb in SIZES_KB {
        let segment = segment(kb << 10);
        let pieces: Vec<Bytes> = (0..segment.len())
            .step_by(PIECE)
            .map(|at| Bytes::copy_from_slice(&segment[at..segment.len().min(at + PIECE)]))
            .collect();
        assert_eq!(in_place(&pieces).1, segment[..]);
        assert_eq!(copying(&pieces).1, segment[..]);
        assert_eq!(in_place(&pieces).0, copying(&pieces).0);
        let rounds = in_turns(
            EACH,
            vec![
                Candidate::new("in place", || in_place(&pieces)),
                Candidate::new("copying", || copying(&pieces)),
                Candidate::new("hash", || hash_alone(&pieces)),
            ],
        );
        let rate = |name| segment.len() as f64 / 1e9 / rounds.seconds(name).median();
        let ratio = |name, base| rounds.ratio(name, base).median();
        table.row(
            format!("{kb} kB"),
            &[
                rate("in place"),
                rate("copying"),
                rate("hash"),
                ratio("in place", "hash"),
                ratio("copying", "hash"),
                ratio("in place", "copying"),
                rounds.ratio("in place", "copying").spread_percent(),
            ],
        );
    }
    report.add(table);
    report.print();
}

/// What the relay does with a piece that it has to itself.
fn in_place(pieces: &[Bytes]) -> ([u8; 32], Rope) {
    let (mut reader, mut hash, mut body) =
        (SegmentReader::default(), FragmentsHash::default(), Rope::default());
    for piece in pieces {
        reader.push(piece.clone()).unwrap();
        body.push(piece.clone());
        while let Some(part) = reader.next_part().unwrap() {
            if let Part::Fragment { index, sealed } = part {
                hash.update_pieces(index, &sealed);
            }
        }
    }
    reader.finish().unwrap();
    (hash.finish(), body)
}

/// The same with a buffer for the reader, a vector for each fragment, and a buffer for the store.
fn copying(pieces: &[Bytes]) -> ([u8; 32], Bytes) {
    let (mut hash, mut buffer, mut body) = (FragmentsHash::default(), Vec::new(), BytesMut::new());
    let (mut used, mut ended) = (HEADER_LEN, false);
    for piece in pieces {
        body.extend_from_slice(piece);
        if used <= buffer.len() {
            buffer.drain(..std::mem::take(&mut used));
        }
        buffer.extend_from_slice(piece);
        while let Some((index, rest)) = buffer.get(used..).and_then(|rest| rest.split_first_chunk::<4>()) {
            let index = u32::from_be_bytes(*index);
            ended |= index == END;
            let Some((length, rest)) = rest.split_first_chunk::<4>().filter(|_| !ended) else { break };
            let length = u32::from_be_bytes(*length) as usize;
            let Some(sealed) = rest.get(..length).map(<[u8]>::to_vec) else { break };
            hash.update(index, &sealed);
            used += 8 + length;
        }
    }
    assert!(ended);
    (hash.finish(), body.freeze())
}

fn hash_alone(pieces: &[Bytes]) -> [u8; 32] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    pieces.iter().for_each(|piece| context.update(piece));
    context.finish().as_ref().try_into().unwrap()
}

fn segment(size: usize) -> Vec<u8> {
    let key = SigningKey::from_bytes(&[1; 32]);
    let header = SegmentHeader {
        camera_id: CameraId::of_key(&key.verifying_key().to_bytes()),
        track: TrackId(0),
        epoch_no: EpochNo(7),
        k: 0,
        sequence: Sequence(40),
        run: 0,
        start_us: Micros(1_800_000_000_000_000),
        start: Start::KeyFrame,
    };
    let sealed: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let (mut bytes, mut hash) = (header.encode().to_vec(), FragmentsHash::default());
    for index in 0..FRAGMENTS {
        bytes.extend(frame(index, &sealed));
        hash.update(index, &sealed);
    }
    let chain = chain_after(&Chain([0; 32]), &header, hash);
    bytes.extend(Trailer::sign(&key, &header.hash(), FRAGMENTS, 2_000_000, chain).encode());
    bytes
}
