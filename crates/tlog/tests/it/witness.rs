//! The add-checkpoint exchange as bytes.

use crate::cast::{NOW, ORIGIN, cosigned, head, log_key, tree, witnesses};
use tlog::checkpoint::UnverifiedCheckpoint;
use tlog::witness::{
    AddCheckpointRequest, Answer, RequestError, SIZE_CONTENT_TYPE, encode_cosignatures, encode_size,
    monitoring_path,
};

#[test]
fn a_request_survives_its_bytes() {
    let tree = tree(13);
    let head = head(13, tree.root());
    for old in 0..=13 {
        let proof = tree.prove_consistency(old, 13).unwrap();
        let request = AddCheckpointRequest::new(old, proof.clone(), &head).unwrap();
        let parsed = AddCheckpointRequest::parse(&request.encode()).unwrap();
        assert_eq!((parsed.old_size, &parsed.proof), (old, &proof));
        assert_eq!(parsed.checkpoint.origin(), ORIGIN);
        let signed = parsed.checkpoint.clone().verify(&[&log_key().verifier()]).unwrap();
        assert_eq!(signed.checkpoint(), head.checkpoint());
    }
}

#[test]
fn malformed_requests_are_named() {
    let tree = tree(13);
    let good =
        AddCheckpointRequest::new(6, tree.prove_consistency(6, 13).unwrap(), &head(13, tree.root())).unwrap();
    let good = String::from_utf8(good.encode()).unwrap();
    let parse = |text: &str| AddCheckpointRequest::parse(text.as_bytes()).unwrap_err();
    for old in ["old 06", "old -1", "old +6", "old", "Old 6", "old 6 ", "old 18446744073709551616", ""] {
        assert_eq!(parse(&good.replacen("old 6", old, 1)), RequestError::BadOldSize, "{old:?}");
    }
    let hash = format!("{}\n", tree.root());
    let with =
        |count: usize| format!("old 6\n{}\n{}", hash.repeat(count), good.split_once("\n\n").unwrap().1);
    assert!(AddCheckpointRequest::parse(with(63).as_bytes()).is_ok());
    assert_eq!(parse(&with(64)), RequestError::TooManyHashes);
    assert_eq!(parse(&good.replacen("old 6\n", "old 6\nAAAA\n", 1)), RequestError::BadHash);
    assert_eq!(parse("old 6\n"), RequestError::NoCheckpoint);
    assert!(matches!(parse("old 6\n\nno checkpoint\n"), RequestError::Checkpoint(_)));
    assert_eq!(AddCheckpointRequest::parse(&[0xff]), Err(RequestError::NotUtf8));
    assert_eq!(AddCheckpointRequest::parse(&vec![b'x'; 1 << 20]), Err(RequestError::TooLong));
}

#[test]
fn answers_are_read_by_what_a_log_must_do_next() {
    let head = head(5, tree(5).root());
    let lines: Vec<_> =
        witnesses().iter().map(|witness| witness.cosign(head.checkpoint(), NOW).unwrap()).collect();
    let body = encode_cosignatures(&lines);
    assert_eq!(Answer::read(200, None, body.as_bytes()), Answer::Cosigned(lines));
    for body in ["", "\n", "hello\n", "\u{2014} w AAAA", &body[..body.len() - 1], &format!("{body}\n")] {
        assert_eq!(Answer::read(200, None, body.as_bytes()), Answer::Senseless(200), "{body:?}");
    }
    assert_eq!(Answer::read(409, Some(SIZE_CONTENT_TYPE), encode_size(77).as_bytes()), Answer::Stale(77));
    for (kind, body) in [
        (None, "77\n"),
        (Some("text/plain"), "77\n"),
        (Some(SIZE_CONTENT_TYPE), "077\n"),
        (Some(SIZE_CONTENT_TYPE), "77"),
    ] {
        assert_eq!(Answer::read(409, kind, body.as_bytes()), Answer::Inconsistent(409), "{body:?}");
    }
    assert_eq!(Answer::read(422, None, b""), Answer::Inconsistent(422));
    for status in [400, 403, 404] {
        assert_eq!(Answer::read(status, None, b"7\n"), Answer::Refused(status));
    }
    for status in [429, 500, 503] {
        assert_eq!(Answer::read(status, None, b""), Answer::Busy(status));
    }
    for status in [0, 201, 302, 418, 600] {
        assert_eq!(Answer::read(status, None, body.as_bytes()), Answer::Senseless(status));
    }
}

#[test]
fn concatenated_to_the_checkpoint_an_answer_is_a_cosigned_note() {
    let root = tree(5).root();
    let cosigned = cosigned(5, root, 4);
    let mut bytes = head(5, root).encode();
    bytes.extend_from_slice(encode_cosignatures(&cosigned.note().signatures()[1..]).as_bytes());
    assert_eq!(bytes, cosigned.encode());
    assert_eq!(UnverifiedCheckpoint::parse(&bytes).unwrap().encode(), bytes);
}

#[test]
fn the_monitoring_path_names_the_log_by_hash() {
    let path = monitoring_path("abc");
    assert_eq!(path, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad/checkpoint");
}
