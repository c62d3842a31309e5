//! What is remarked upon a finding: what contradicts itself, who refused, and no more than fits.

use super::*;

#[test]
fn what_contradicts_itself_is_remarked_upon() {
    let mut ledger = ledger(Vec::new(), &[]);
    let sealed = |request: &mut Request| {
        request.details = SealedDetails::new(vec![0; 1024 + 16]).unwrap();
    };
    ledger.take(0, emergency(Day(20_001), &details(CAMERA), sealed).entry_bytes());
    ledger.take(1, emergency(Day(20_002), &details(CameraId([8; 32])), |_| ()).entry_bytes());
    let agency = Details { agency: Some(name("other.example")), ..details(CAMERA) };
    ledger.take(2, emergency(Day(20_003), &agency, |_| ()).entry_bytes());
    let backwards = Details { last_epoch: EpochNo(9), ..details(CAMERA) };
    ledger.take(3, emergency(Day(20_004), &backwards, |_| ()).entry_bytes());
    let silent = Details { in_danger: None, ..details(CAMERA) };
    ledger.take(4, emergency(Day(20_005), &silent, |_| ()).entry_bytes());
    let rows = ledger.rows();
    let says = |at: usize, words: &str| rows[at].remarks.iter().any(|remark| remark.contains(words));
    assert!(says(0, "do not open") && rows[0].epochs.is_none());
    assert!(says(1, "another camera"));
    assert!(says(2, "another agency"));
    assert_eq!(rows[3].remarks.len(), 1, "no epochs, or no details at all");
    assert!(says(4, "lack"));
}

#[test]
fn noise_crowds_out_no_true_remark_and_stands_behind_it() {
    let request = emergency(PAIRED, &details(CAMERA), |_| ());
    let mut ledger = ledger(Vec::new(), &[]);
    ledger.take(0, request.entry_bytes());
    for at in 1..40u8 {
        let stranger = Signer::from_seed(&format!("stranger{at}.example"), &[at; 32]).unwrap();
        ledger.take(u64::from(at), grant(0, &request, &stranger, 15).entry_bytes());
    }
    // One trustee chatters: it does not crowd out another either.
    for (at, by) in (50..).zip([vec![1; 40], vec![2]].concat()) {
        let refusal = RefusalLeaf {
            id: request.value().id,
            trustee: name(trustee(by).name()),
            request_index: 0,
            request: request.hash(),
            step: Word::new("g7").unwrap(),
            reason: Word::new(&format!("reason{at}")).unwrap(),
            time: Seconds(1_800_000_100),
        };
        ledger.take(at, Signed::sign(refusal, &[&trustee(by)]).unwrap().entry_bytes());
    }
    let remarks = &ledger.rows()[0].remarks;
    assert_eq!(remarks.len(), 2 * MAX_REMARKS + 1);
    assert!(remarks[MAX_REMARKS].starts_with("refused by trustee2.example"), "{remarks:?}");
    assert!(remarks[MAX_REMARKS + 1].contains("does not count"), "{remarks:?}");
}

#[test]
fn remarks_are_bounded() {
    let request = emergency(PAIRED, &details(CAMERA), |_| ());
    let mut ledger = ledger(Vec::new(), &[]);
    ledger.take(0, request.entry_bytes());
    for at in 1..40u8 {
        let stranger = Signer::from_seed(&format!("stranger{at}.example"), &[at; 32]).unwrap();
        ledger.take(u64::from(at), grant(0, &request, &stranger, 15).entry_bytes());
    }
    assert_eq!(ledger.rows()[0].remarks.len(), MAX_REMARKS);
}
