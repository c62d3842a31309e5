//! Evidence files: what a reader takes apart, a writer puts together to the same bytes; a reader
//! ends, and never wants more than a part may have.
#![no_main]

use escrow::evidence::{EVIDENCE_MAX_BYTES, FilePart, FileReader, FileVerification, FileWriter, Seen};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (mut reader, mut file, mut writer, mut written) = (FileReader::default(), bytes, None, Vec::new());
    let whole = loop {
        assert!(reader.wanted() > 0 && reader.wanted() <= EVIDENCE_MAX_BYTES);
        let (next, rest) = file.split_at(reader.wanted().min(file.len()));
        file = rest;
        match reader.feed(next.to_vec()) {
            Err(_) => break false,
            Ok(FilePart::Length | FilePart::EndMark) => {}
            Ok(FilePart::Head(head)) => {
                let (begun, head) = FileWriter::start(&head).expect("what was read can be written");
                (writer, written) = (Some(begun), head);
            }
            Ok(FilePart::Segment(sealed)) => {
                let writer = writer.as_mut().expect("the head comes first");
                written.extend(writer.segment(&sealed).expect("what was read can be written"));
                written.extend(sealed);
            }
            Ok(FilePart::End) => break true,
        }
    };
    if whole {
        written.extend(writer.expect("a head").finish());
        assert_eq!(written, bytes);
    }
    let (mut verification, mut file) = (FileVerification::default(), bytes);
    loop {
        let (next, rest) = file.split_at(verification.wanted().min(file.len()));
        file = rest;
        match verification.feed(next.to_vec()) {
            Ok(Seen::Nothing | Seen::Head | Seen::Segment(_)) => {}
            Ok(Seen::End(_)) | Err(_) => break,
        }
    }
});
