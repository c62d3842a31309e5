//! A proof with any byte changed, any line dropped or doubled, proves nothing.

use crate::cast::{NOW, cosigned, entry, policy, stamped, stamped_tree, tree};
use tlog::policy::{VerifyError, Window};
use tlog::proof::TlogProof;
use tlog::{Logged, LoggedError};

/// A proof whose three cosignatures are all needed, one of them ML-DSA-44.
fn proof() -> Vec<u8> {
    let tree = stamped_tree(11);
    let head = cosigned(11, tree.root(), 3).encode();
    TlogProof::from_parts(5, tree.prove_inclusion(5, 11).unwrap(), &head).unwrap().encode()
}

fn accepted(bytes: &[u8]) -> bool {
    TlogProof::parse(bytes).is_ok_and(|proof| Logged::verify(stamped(5), &proof, &policy()).is_ok())
}

#[test]
fn the_proof_itself_is_accepted_and_its_times_are_told() {
    let proof = TlogProof::parse(&proof()).unwrap();
    let logged = Logged::verify(stamped(5), &proof, &policy()).unwrap();
    assert_eq!((logged.index(), logged.value().as_slice()), (5, stamped(5).as_slice()));
    assert_eq!(logged.checkpoint().size(), 11);
    let times: Vec<_> =
        logged.cosigned().cosignatures().iter().map(|by| (by.witness.as_str(), by.time)).collect();
    assert_eq!(times, [("w1", NOW), ("w2", NOW + 1), ("w3", NOW + 2)]);
    assert_eq!((logged.cosigned_at(), logged.stamp()), (NOW + 2, NOW - 7));
}

#[test]
fn what_stands_in_the_log_without_its_stamp_is_not_logged() {
    let tree = tree(11);
    let proof = TlogProof::from_parts(
        5,
        tree.prove_inclusion(5, 11).unwrap(),
        &cosigned(11, tree.root(), 3).encode(),
    );
    let outcome = Logged::verify(entry(5), &proof.unwrap(), &policy());
    assert!(matches!(outcome, Err(LoggedError::Stamp(_))), "{outcome:?}");
}

#[test]
fn every_byte_changed_is_refused() {
    let (good, policy) = (proof(), policy());
    for at in 0..good.len() {
        // One low bit, one high bit, and the letter's other case: what a typing error, a bit flip
        // and a lenient decoder would do.
        for change in [0x01, 0x80, 0x20] {
            let mut bad = good.clone();
            bad[at] ^= change;
            let verified = TlogProof::parse(&bad)
                .ok()
                .and_then(|proof| Logged::verify(stamped(5), &proof, &policy).ok());
            assert!(verified.is_none(), "byte {at} ^ {change:#x} is accepted");
        }
    }
}

#[test]
fn every_truncation_and_every_dropped_or_doubled_line_is_refused() {
    let good = proof();
    for end in (0..good.len()).step_by(7).chain([good.len() - 1]) {
        assert!(!accepted(&good[..end]), "first {end} bytes are accepted");
    }
    let text = String::from_utf8(good).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for skip in 0..lines.len() {
        let dropped: String =
            lines.iter().enumerate().filter(|(n, _)| *n != skip).map(|(_, line)| *line).collect();
        assert!(!accepted(dropped.as_bytes()), "without line {skip} it is accepted");
        let signature = lines[skip].starts_with('\u{2014}');
        let doubled: String =
            lines.iter().enumerate().map(|(n, line)| line.repeat(1 + usize::from(n == skip))).collect();
        // A signature line said twice says no more: harmless, and what concatenated answers look
        // like.
        assert_eq!(accepted(doubled.as_bytes()), signature, "line {skip} twice");
    }
}

#[test]
fn a_fresh_proof_needs_a_quorum_within_the_window() {
    let proof = TlogProof::parse(&proof()).unwrap();
    let verify = |now| Logged::verify_fresh(stamped(5), &proof, &policy(), Window::around(now, 120, 30));
    for (now, fresh) in
        [(NOW + 2, true), (NOW + 120, true), (NOW + 121, false), (NOW - 28, true), (NOW - 29, false)]
    {
        assert_eq!(verify(now).is_ok(), fresh, "at {now}");
    }
    let stale = verify(NOW + 121);
    let names = vec!["w2".to_string(), "w3".to_string()];
    assert_eq!(stale, Err(LoggedError::Checkpoint(VerifyError::QuorumNotMet(names))));
}
