//! Leaves: the vectors of a second implementation, and the laws of signed leaves.

use super::*;
use alloc::string::String;
use serde_json::Value;
use std::vec::Vec;
use tlog::merkle::leaf_hash;
use tlog::note::Signer;
use tlog::{Entry as _, Hash};

fn signer(name: &str, seed: u8) -> Signer {
    Signer::from_seed(name, &[seed; 32]).unwrap()
}

fn officer() -> Signer {
    signer("police.example/officer", 1)
}

fn supervisor() -> Signer {
    signer("police.example/supervisor", 2)
}

fn sponsor() -> Signer {
    signer("relay.example", 3)
}

fn vectors(which: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../../../proto/vectors/leaves.json")).unwrap();
    all[which].as_array().unwrap().clone()
}

fn good() -> Vec<String> {
    vectors("good").iter().map(|vector| vector["text"].as_str().unwrap().into()).collect()
}

#[test]
fn good_texts_are_read_and_written_back_the_same() {
    let mut kinds = std::collections::BTreeSet::new();
    for vector in vectors("good") {
        let text = vector["text"].as_str().unwrap();
        let leaf = Leaf::parse_text(text).unwrap();
        assert_eq!(leaf.text(), text);
        assert_eq!(leaf.word(), vector["kind"].as_str().unwrap());
        assert_eq!(leaf.time().is_some(), leaf.word() != "policy");
        kinds.insert(leaf.word());
    }
    assert_eq!(kinds.len(), 11, "every kind has a good text");
}

#[test]
fn bad_texts_are_refused() {
    for vector in vectors("bad") {
        let (why, text) = (&vector["why"], vector["text"].as_str().unwrap());
        assert!(Leaf::parse_text(text).is_err(), "{why}");
    }
}

#[test]
fn no_altered_character_is_read_as_the_same_leaf() {
    // A changed character either makes the text no leaf, or another leaf whose text is the changed
    // one.
    for text in good() {
        for at in 0..text.len() {
            let mut altered = text.clone().into_bytes();
            altered[at] ^= 1;
            let Ok(altered) = String::from_utf8(altered) else { continue };
            if let Ok(leaf) = Leaf::parse_text(&altered) {
                assert_eq!(leaf.text(), altered);
            }
        }
    }
}

#[test]
fn one_kind_is_not_read_as_another() {
    let grant = good().into_iter().find(|text| text.starts_with("candor grant")).unwrap();
    assert_eq!(Request::parse_text(&grant), Err(TextError::WrongKind("request")));
    assert_eq!(Leaf::parse_text("candor warrant v1\n"), Err(TextError::UnknownKind));
    let missing = grant.replace("epochs 15\n", "");
    assert_eq!(Grant::parse_text(&missing), Err(TextError::Expected("epochs")));
    assert_eq!(Grant::parse_text(&(grant.clone() + "note 1\n")), Err(TextError::Trailing));
    assert_eq!(Grant::parse_text(&grant.replace("15", "015")), Err(TextError::BadValue("epochs")));
}

#[test]
fn signed_leaves_round_trip_and_know_who_signed() {
    for text in good() {
        let leaf = Leaf::parse_text(&text).unwrap();
        let signed = Signed::sign(leaf, &[&officer(), &sponsor()]).unwrap();
        let parsed = Signed::<Leaf>::parse(signed.entry_bytes()).unwrap();
        assert_eq!(parsed, signed);
        assert_eq!(parsed.hash(), leaf_hash(signed.entry_bytes()));
        assert!(parsed.is_signed_by(&officer().verifier()) && parsed.is_signed_by(&sponsor().verifier()));
        assert!(!parsed.is_signed_by(&supervisor().verifier()));
        // Another text under the same signatures is signed by nobody.
        let bytes = String::from_utf8(signed.entry_bytes().to_vec()).unwrap();
        if text.contains("time 1795495000") {
            let moved = bytes.replace("time 1795495000", "time 1795495001");
            let moved = Signed::<Leaf>::parse(moved.as_bytes()).unwrap();
            assert!(!moved.is_signed_by(&officer().verifier()));
        }
    }
}

#[test]
fn a_signature_is_added_once() {
    let leaf = Leaf::parse_text(&good()[0]).unwrap();
    let once = Signed::sign(leaf, &[&officer()]).unwrap();
    let twice = once.clone().countersign(&officer()).unwrap();
    assert_eq!(twice, once);
    let both = once.clone().countersign(&supervisor()).unwrap();
    assert_eq!(both.signatures().len(), 2);
    assert_ne!(both.hash(), once.hash(), "the log knows leaves with their signatures");
}

#[test]
fn long_unsigned_and_sloppy_bytes_are_no_leaves() {
    let leaf = Signed::sign(Leaf::parse_text(&good()[1]).unwrap(), &[&officer()]).unwrap();
    let bytes = leaf.entry_bytes();
    let long = [bytes, &std::vec![b'x'; LEAF_MAX_BYTES]].concat();
    assert_eq!(Signed::<Leaf>::parse(&long).unwrap_err(), RecordError::TooLong(long.len()));
    assert!(matches!(Signed::<Leaf>::parse(leaf.text().as_bytes()), Err(RecordError::Note(_))));
    for at in 0..bytes.len() {
        assert!(Signed::<Leaf>::parse(&bytes[..at]).is_err());
    }
    assert!(Signed::<Leaf>::parse(&[bytes, b"\n"].concat()).is_err());
    // A leaf that cannot be parsed back is not signed either: too many signatures to fit.
    let mut full = leaf;
    for at in 0..=255u8 {
        let name = std::format!("{}.{at}", "n".repeat(200));
        match full.clone().countersign(&signer(&name, at)) {
            Ok(more) => full = more,
            Err(error) => return assert!(matches!(error, RecordError::TooLong(_))),
        }
    }
    assert!(full.entry_bytes().len() <= LEAF_MAX_BYTES);
}

#[test]
fn ids_read_as_hexadecimal_in_one_way() {
    let id = EntryId([0xab; 16]);
    assert_eq!(EntryId::from_hex(&id.to_hex()), Some(id));
    for bad in ["", "ab", &id.to_hex().to_uppercase(), &id.to_hex()[1..], "+babababababababababababababababa"]
    {
        assert_eq!(EntryId::from_hex(bad), None);
    }
}

#[test]
fn a_policy_leaf_hides_its_policy_behind_its_id() {
    let leaf = OwnerPolicyLeaf {
        id: EntryId([1; 16]),
        sponsor: Name::new("relay.example").unwrap(),
        label: Hash([2; 32]),
        commitment: policy_commitment(&EntryId([1; 16]), &Hash([3; 32])),
    };
    assert!(leaf.commits_to(&Hash([3; 32])) && !leaf.commits_to(&Hash([4; 32])));
    assert_ne!(policy_commitment(&EntryId([5; 16]), &Hash([3; 32])), leaf.commitment);
}

#[test]
fn a_span_is_the_sum_of_the_epochs_rounded_up() {
    assert_eq!(Span::of_epochs([60_000, 60_000, 1]), Span::from_secs(121));
    assert_eq!(Span::of_epochs([]), None);
    assert_eq!(Span::of_epochs(std::iter::repeat_n(u32::MAX, 100)), None);
}

#[test]
fn characters_that_do_not_show_are_those_of_the_contract() {
    let all: Value = serde_json::from_str(include_str!("../../../proto/vectors/visible.json")).unwrap();
    let ranges = all["hidden"].as_array().unwrap().iter().map(|range| {
        let [first, last] = [0, 1].map(|at| u32::try_from(range[at].as_u64().unwrap()).unwrap());
        first..=last
    });
    let hidden: std::collections::BTreeSet<u32> = ranges.flatten().collect();
    for code in 0..=0x10_ffff {
        if let Some(c) = char::from_u32(code) {
            assert_eq!(is_visible(c.encode_utf8(&mut [0; 4])), !hidden.contains(&code), "U+{code:04X}");
        }
    }
    for line in all["good"].as_array().unwrap() {
        assert!(Line::new(line.as_str().unwrap()).is_some(), "{line}");
    }
    for line in all["bad"].as_array().unwrap() {
        assert!(Line::new(line.as_str().unwrap()).is_none(), "{line}");
    }
}

#[test]
fn look_alike_names_are_no_names() {
    for bad in [
        "police.example\u{200b}",
        "police.ex\u{430}mple",
        "police.example\u{9b}",
        "Police.example",
        "police.example.",
        "-",
        "",
    ] {
        assert_eq!(Name::new(bad), None, "{bad:?}");
        // Nor do they name a key that stands in a leaf.
        let key = Signer::from_seed(&std::format!("{bad}\u{430}"), &[7; 32]).unwrap();
        assert_eq!(Vkey::new(key.verifier()), None, "{bad:?}");
    }
    let police = Name::new("police.example").unwrap();
    for (name, covered) in [("police.example", true), ("a.police.example", true), ("apolice.example", false)]
    {
        assert_eq!(police.covers(&Name::new(name).unwrap()), covered, "{name}");
    }
}
