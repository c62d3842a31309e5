use super::*;
use escrow::record::{Kind, Name, SealedDetails, Seconds, Span};
use media::pair::PolicyBundle;
use tlog::Entry as _;
use tlog::note::Signer;

fn page(id: u128) -> Pending {
    Pending {
        id: EntryId(id.to_be_bytes()).to_hex(),
        request_index: u64::try_from(PENDING_MAX).unwrap() * 2 - u64::try_from(id).unwrap(),
        request: Hash([7; 32]).to_base64(),
        state: State::PendingApproval,
        kind: "legal".to_owned(),
        sponsor: "relay.example".to_owned(),
        agency: Some("police.example".to_owned()),
        country: None,
        basis: None,
        span: "15m".to_owned(),
        written_at: 1,
        expires_at: 2,
        footage: Some(Footage { epochs: 3, from_us: 4, until_us: 5 }),
        details: vec![Line { field: "officer".to_owned(), text: "Sgt. Byron".to_owned() }],
        decided: None,
    }
}

fn package() -> Package {
    let request = Request {
        id: EntryId([1; 16]),
        kind: Kind::Recovery,
        sponsor: Name::new("relay.example").unwrap(),
        agency: None,
        country: None,
        basis: None,
        span: Span::from_secs(60).unwrap(),
        policy: Hash([2; 32]),
        release_key: Hash([3; 32]),
        label: Hash([4; 32]),
        details: SealedDetails::new(vec![0; 1040]).unwrap(),
        time: Seconds(1),
    };
    let sponsor = Signer::from_seed("relay.example", &[5; 32]).unwrap();
    Package {
        leaf: Signed::sign(request, &[&sponsor]).unwrap().entry_bytes().to_vec(),
        proof: Vec::new(),
        first_proof: Vec::new(),
        release_key: vec![2],
        enrollment: vec![3],
        policy: PolicyBundle::default(),
        notices: Vec::new(),
        opens: Vec::new(),
    }
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
        assert!(waiting.keep(&page(number), &package()).unwrap());
    }
    let ids: Vec<_> = waiting.pages().unwrap().into_iter().map(|page| page.id).collect();
    assert_eq!(ids, [3, 2, 1].map(|number| id(number).to_hex()));
    assert_eq!(waiting.page(&id(2)).unwrap().unwrap(), page(2));
    assert_eq!(*waiting.asked(&id(2)).unwrap().unwrap().package(), package());
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
    for number in 0..PENDING_MAX {
        assert!(waiting.keep(&page(number as u128), &package()).unwrap());
    }
    assert!(!waiting.keep(&page(PENDING_MAX as u128), &package()).unwrap());
    assert!(waiting.keep(&page(5), &package()).unwrap());
    assert_eq!(waiting.count().unwrap(), PENDING_MAX);
    waiting.forget(&EntryId(9u128.to_be_bytes())).unwrap();
    assert!(waiting.keep(&page(PENDING_MAX as u128), &package()).unwrap());
}

#[test]
fn foreign_and_torn_files_are_passed_over_and_a_missing_folder_is_named() {
    let (dir, waiting) = waiting();
    let folder = dir.path().join(PENDING);
    waiting.keep(&page(1), &package()).unwrap();
    let torn = EntryId(2u128.to_be_bytes());
    std::fs::write(folder.join(format!("{}.json", torn.to_hex())), b"{").unwrap();
    std::fs::write(folder.join(format!("{}.package", torn.to_hex())), b"torn").unwrap();
    std::fs::write(folder.join("readme.json"), b"{}").unwrap();
    assert_eq!(waiting.pages().unwrap(), [page(1)]);
    assert_eq!(waiting.asked(&torn).unwrap(), None);
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(matches!(waiting.pages(), Err(DurableError::NoFolder { .. })));
}
