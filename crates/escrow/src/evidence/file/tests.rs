use super::*;
use serde_json::Value;
use std::string::ToString;

fn vectors(part: &str) -> Vec<Value> {
    let all: Value =
        serde_json::from_str(include_str!("../../../../../proto/vectors/evidence.json")).unwrap();
    all[part].as_array().unwrap().clone()
}

/// Hexadecimal, in which a number stands for so many zeros.
fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::String(hex) => {
            let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            (0..hex.len()).step_by(2).map(digit).collect()
        }
        Value::Number(zeros) => std::vec![0; usize::try_from(zeros.as_u64().unwrap()).unwrap()],
        Value::Array(parts) => parts.iter().flat_map(bytes).collect(),
        other => panic!("{other}"),
    }
}

/// Head and segments of a whole file, as a reader takes it apart.
fn read(mut file: &[u8]) -> Result<(Evidence, Vec<Vec<u8>>), FileError> {
    let (mut reader, mut head, mut segments) = (FileReader::default(), None, Vec::new());
    loop {
        let (next, rest) = file.split_at(reader.wanted().min(file.len()));
        file = rest;
        match reader.feed(next.to_vec())? {
            FilePart::Length => {}
            FilePart::Head(evidence) => head = Some(*evidence),
            FilePart::Segment(sealed) => segments.push(sealed),
            FilePart::End => return Ok((head.unwrap(), segments)),
        }
    }
}

fn write(head: &Evidence, segments: &[Vec<u8>]) -> Result<Vec<u8>, FileError> {
    let mut file = file_start(head)?;
    for sealed in segments {
        file.extend(segment_length(sealed)?);
        file.extend(sealed);
    }
    file.extend(END_MARK);
    Ok(file)
}

#[test]
fn files_of_the_second_implementation_are_read_and_written_byte_for_byte() {
    for vector in vectors("good") {
        let (file, why) = (bytes(&vector["bytes"]), &vector["why"]);
        let (head, segments) = read(&file).unwrap_or_else(|error| panic!("{why}: {error}"));
        assert_eq!(head.encode(), bytes(&vector["head"]), "{why}");
        assert_eq!(head.signed_hash().to_hex(), vector["signed"].as_str().unwrap(), "{why}");
        let expected: Vec<_> = vector["segments"].as_array().unwrap().iter().map(bytes).collect();
        assert_eq!(segments, expected, "{why}");
        assert_eq!(write(&head, &segments).unwrap(), file, "{why}");
    }
}

#[test]
fn malformed_files_are_refused_by_name() {
    for vector in vectors("bad") {
        let (file, why) = (bytes(&vector["bytes"]), &vector["why"]);
        let error = read(&file).unwrap_err().to_string();
        assert!(error.contains(vector["error"].as_str().unwrap()), "{why}: {error}");
    }
}

#[test]
fn a_file_cut_at_any_byte_says_so() {
    let file = bytes(&vectors("good")[0]["bytes"]);
    for at in 0..file.len() {
        let error = read(&file[..at]).unwrap_err();
        assert!(matches!(error, FileError::CutBetween | FileError::CutInside), "{at}: {error}");
    }
}

#[test]
fn what_could_not_be_read_back_is_not_written() {
    assert_eq!(segment_length(&[]), Err(FileError::NoSegment));
    let segment = std::vec![0; limits::SEGMENT + 1];
    let too_large = FileError::TooLarge { bytes: segment.len(), limit: limits::SEGMENT };
    assert_eq!(segment_length(&segment), Err(too_large));
    assert!(segment_length(&segment[1..]).is_ok());
    let head = Evidence { opens: std::vec![std::vec![0; EVIDENCE_MAX_BYTES]], ..Evidence::default() };
    assert!(matches!(file_start(&head), Err(FileError::TooLarge { .. })));
}
