use super::*;
use escrow::package::Package;
use escrow::record::{Name, SealedDetails, Seconds, Span, WRAPPED_KEY_BYTES, WrappedKey};
use media::pair::PolicyBundle;
use seal::details::DetailsKey;
use tlog::Entry as _;
use tlog::note::Signer;

/// Of all kinds together.
const PENDING_MAX: usize = EMERGENCIES_MAX + 2 * OTHERS_MAX;

fn page(id: u128) -> Pending {
    Pending {
        id: EntryId(id.to_be_bytes()).to_hex(),
        request_index: u64::try_from(PENDING_MAX).unwrap() * 2 - u64::try_from(id).unwrap(),
        request: Hash([7; 32]).to_base64(),
        state: State::PendingApproval,
        kind: "legal".to_owned(),
        sponsor: "relay.example".to_owned(),
        agency: Some(format!("police{}.example", id / 8)),
        country: None,
        basis: None,
        span: "15m".to_owned(),
        logged_at: Some(1),
        written_at: 1,
        expires_at: 2,
        footage: Some(Footage { epochs: 3, from_us: 4, until_us: 5 }),
        details: vec![Line { field: "officer".to_owned(), text: "Sgt. Byron".to_owned() }],
        order_bytes: asked().package().order.len(),
        approvals: 1,
        package: asked().fingerprint().to_hex(),
        decided: None,
    }
}

fn asked() -> Asked {
    let request = Request {
        id: EntryId([1; 16]),
        kind: Kind::Recovery,
        sponsor: Name::new("relay.example").unwrap(),
        agency: None,
        country: None,
        basis: None,
        span: Span::from_secs(60).unwrap(),
        needs: 3,
        incident: None,
        policy: Hash([2; 32]),
        release_key: Hash([3; 32]),
        label: Hash([4; 32]),
        details: SealedDetails::new(vec![0; 1040]).unwrap(),
        details_key: WrappedKey::new(vec![0; WRAPPED_KEY_BYTES]).unwrap(),
        time: Seconds(1),
    };
    let sponsor = Signer::from_seed("relay.example", &[5; 32]).unwrap();
    let package = Package {
        leaf: Signed::sign(request, &[&sponsor]).unwrap().entry_bytes().to_vec(),
        proof: Vec::new(),
        release_key: vec![2],
        details_key: DetailsKey::new([0; 32]),
        order: vec![4, 4],
        enrollment: vec![3],
        policy: PolicyBundle::default(),
        notices: Vec::new(),
        opens: Vec::new(),
    };
    Asked::of(package).unwrap()
}

fn waiting() -> (tempfile::TempDir, Waiting) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join(PENDING)).unwrap();
    let waiting = Waiting::at(dir.path());
    (dir, waiting)
}

#[test]
fn what_waits_is_read_back_in_the_order_of_the_log_and_forgotten_when_settled() {
    let (_dir, waiting) = waiting();
    let id = |number: u128| EntryId(number.to_be_bytes());
    for number in [1, 3, 2] {
        assert!(waiting.keep(&page(number), &asked()).unwrap());
    }
    let ids: Vec<_> = waiting.pages().unwrap().into_iter().map(|page| page.id).collect();
    assert_eq!(ids, [3, 2, 1].map(|number| id(number).to_hex()));
    assert_eq!(waiting.page(&id(2)).unwrap().unwrap(), page(2));
    assert_eq!(waiting.asked(&id(2)).unwrap().unwrap(), asked());
    // Another leaf with the same id is not the one that waits.
    assert!(waiting.page_of(&id(2), &Hash([7; 32])).unwrap().is_some());
    assert!(waiting.page_of(&id(2), &Hash([8; 32])).unwrap().is_none());
    waiting.forget(&id(2)).unwrap();
    waiting.forget(&id(2)).unwrap();
    assert_eq!((waiting.count().unwrap(), waiting.asked(&id(2)).unwrap()), (2, None));
}

#[test]
fn the_queue_is_bounded_and_one_that_waits_already_keeps_its_place() {
    let (_dir, waiting) = waiting();
    let keep = |page: &Pending| waiting.keep(page, &asked()).unwrap();
    let of = |kind: Kind, number: u128| Pending { kind: kind.word().to_owned(), ..page(number) };
    // Numbers 0 to 63 are legal, 64 to 127 recoveries, the others emergencies.
    let kinds = [Kind::Legal, Kind::Recovery, Kind::Emergency, Kind::Emergency];
    let numbered = |number: u128| of(kinds[(number / 64) as usize], number);
    for number in 0..PENDING_MAX as u128 {
        assert!(keep(&numbered(number)), "{number}");
    }
    for kind in [Kind::Legal, Kind::Recovery, Kind::Emergency] {
        assert!(!keep(&of(kind, PENDING_MAX as u128)));
    }
    assert!(keep(&numbered(5)));
    assert_eq!(waiting.count().unwrap(), PENDING_MAX);
    waiting.forget(&EntryId(9u128.to_be_bytes())).unwrap();
    // The place is one for legal requests.
    assert!(!keep(&of(Kind::Emergency, PENDING_MAX as u128)));
    assert!(keep(&of(Kind::Legal, PENDING_MAX as u128)));
}

#[test]
fn one_agency_fills_no_desk_and_keeps_out_nobody() {
    let (_dir, waiting) = waiting();
    let by = |agency: &str, kind: Kind, number: u128| {
        let (agency, kind) = (Some(agency.to_owned()), kind.word().to_owned());
        waiting.keep(&Pending { agency, kind, ..page(number) }, &asked()).unwrap()
    };
    for number in 0..OF_ONE_AGENCY_MAX as u128 {
        assert!(by("police.example", Kind::Legal, number));
    }
    assert!(!by("police.example", Kind::Legal, 100));
    assert!(by("police.example", Kind::Emergency, 101));
    assert!(by("other.example", Kind::Legal, 102));
}

#[test]
fn foreign_and_torn_files_are_passed_over_and_a_missing_folder_is_named() {
    let (dir, waiting) = waiting();
    let folder = dir.path().join(PENDING);
    waiting.keep(&page(1), &asked()).unwrap();
    let torn = EntryId(2u128.to_be_bytes());
    std::fs::write(folder.join(format!("{}.json", torn.to_hex())), b"{").unwrap();
    std::fs::write(folder.join(format!("{}.package", torn.to_hex())), b"torn").unwrap();
    std::fs::write(folder.join("readme.json"), b"{}").unwrap();
    assert_eq!(waiting.pages().unwrap(), [page(1)]);
    assert_eq!(waiting.asked(&torn).unwrap(), None);
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(matches!(waiting.pages(), Err(DurableError::NoFolder { .. })));
}
