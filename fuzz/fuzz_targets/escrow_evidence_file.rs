//! Evidence files: what a reader takes apart, a writer puts together to the same bytes; a reader
//! ends, and never wants more than a part may have.
#![no_main]

use escrow::evidence::{
    END_MARK, EVIDENCE_MAX_BYTES, FilePart, FileReader, FileVerification, Seen, file_start, segment_length,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (mut reader, mut file, mut written) = (FileReader::default(), bytes, Vec::new());
    let whole = loop {
        assert!(reader.wanted() > 0 && reader.wanted() <= EVIDENCE_MAX_BYTES);
        let (next, rest) = file.split_at(reader.wanted().min(file.len()));
        file = rest;
        match reader.feed(next.to_vec()) {
            Err(_) => break false,
            Ok(FilePart::Length) => {}
            Ok(FilePart::Head(head)) => {
                written = file_start(&head).expect("what was read can be written");
            }
            Ok(FilePart::Segment(sealed)) => {
                written.extend(segment_length(&sealed).expect("what was read can be written"));
                written.extend(sealed);
            }
            Ok(FilePart::End) => break true,
        }
    };
    if whole {
        written.extend(END_MARK);
        assert_eq!(written, bytes);
    }
    let (mut verification, mut file) = (FileVerification::default(), bytes);
    loop {
        let (next, rest) = file.split_at(verification.wanted().min(file.len()));
        file = rest;
        match verification.feed(next.to_vec()) {
            Ok(Seen::Nothing | Seen::Segment(_)) => {}
            Ok(Seen::End(_)) | Err(_) => break,
        }
    }
});
