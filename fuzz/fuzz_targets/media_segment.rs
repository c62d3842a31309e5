//! Segments in pieces of any size: what reads whole encodes to the same bytes, and pieces make no
//! difference. Heads of segments: what decodes encodes to the same bytes, and a whole segment has a
//! head that decodes. Ends: what is a trailer is the bytes' own end, and a whole segment has one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use media::codec::DecodeError;
use media::segment::{HeadExtent, Part, SegmentReader, StoredHead, Trailer, frame, head_extent};

fn read(bytes: &[u8], piece: usize) -> Result<Vec<u8>, DecodeError> {
    let mut reader = SegmentReader::default();
    let mut again = Vec::new();
    for piece in bytes.chunks(piece) {
        reader.push(piece.to_vec())?;
        while let Some(part) = reader.next_part()? {
            match part {
                Part::Header(header) => again.extend(header.encode()),
                Part::Fragment { index, sealed } => again.extend(frame(index, &sealed.to_bytes())),
                Part::Trailer(trailer) => again.extend(trailer.encode()),
            }
        }
    }
    reader.finish()?;
    Ok(again)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let whole = read(bytes, bytes.len().max(1));
    let pieces = read(bytes, usize::from(piece) + 1);
    assert_eq!(whole.is_ok(), pieces.is_ok());
    if let Ok(again) = whole {
        assert_eq!(again, bytes);
        assert_eq!(pieces.as_deref(), Ok(bytes));
        assert!(Trailer::of_segment(bytes).is_ok());
        for picture in [false, true] {
            let Ok(HeadExtent::Whole(end)) = head_extent(bytes, picture) else { panic!("a segment without a head") };
            let head = StoredHead { segment_bytes: 0, duration_us: 0, bytes: bytes[..end].to_vec() };
            assert_eq!(StoredHead::decode(&head.encode()), Ok(head));
        }
    }
    if let Ok(trailer) = Trailer::of_segment(bytes) {
        assert!(bytes.ends_with(&trailer.encode()));
    }
    if let Ok(head) = StoredHead::decode(bytes) {
        assert_eq!(head.encode(), bytes);
    }
});
