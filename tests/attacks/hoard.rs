//! A sponsor that hoards: whoever has the link key of a sponsor gets the ciphertext that trustees
//! granted to a request in the log, and nothing else, however it asks.

use escrow::bundle::Bundle;
use escrow::package::Package;
use media::epoch::SignedEpochOpen;
use media::id::{EpochNo, Sequence};
use media::message::{LoggedLeaf, RefusalCode, ReleasedQuery, Request, Response};
use media::segment::{HEADER_LEN, HeadQuery, SegmentHeader, SegmentQuery};
use media::time::Micros;
use quic::CallError;
use requester::folder::RequestFolder;
use requester::request::Kind;
use world::session::{Session, TRACK};
use world::{Filmed, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn a_sponsor_gets_no_ciphertext_but_what_trustees_granted_to_a_logged_request() {
    let stage = Stage::set(2).await;
    let filmed = stage.filmed(3).await;
    let second = Filmed { from_us: filmed.from_us + EPOCH_US, to_us: filmed.from_us + 2 * EPOCH_US };
    let folder = stage.collected("request", &stage.ask(0, Kind::Emergency, second)).await;
    let other = stage.collected("other", &stage.ask(0, Kind::Legal, filmed)).await;
    let camera_id = stage.cast.video.cameras[0].id;
    let keys = &stage.cast.people.requester_config.keys;
    let sponsor = Session::of(&stage, &keys.join("link.secret"), "link").await;

    // As a viewer would.
    let all =
        SegmentQuery { camera_id, track: TRACK, from_us: Micros(0), to_us: Micros::MAX, cursor: Sequence(0) };
    let refused = sponsor.link.fetch_segments(&all).await.err().unwrap();
    assert!(is_refused(&refused), "{refused}");
    let heads = Request::FetchHeads(HeadQuery { segments: all, pictures: true });
    let answer = sponsor.link.call(&heads).await.unwrap();
    assert!(matches!(answer, Response::Refused(refusal) if refusal.code == RefusalCode::NotAllowed));

    // The control: what was granted comes, of exactly these epochs.
    let granted = shown(&folder, camera_id);
    let footage = fetched(&sponsor, granted.clone()).await.unwrap();
    assert!(!footage.is_empty());
    let range = granted.first..=granted.last;
    assert!(footage.iter().all(|header| range.contains(&header.epoch_no)), "{footage:?}");

    // Everything else is refused, however near it comes.
    let wide = shown(&other, camera_id);
    assert!(wide.first <= granted.first && granted.last <= wide.last && wide.grants.len() >= 3);
    let neighbour = |by: i64| EpochNo(granted.first.0.wrapping_add_signed(by));
    let altered = |change: &dyn Fn(&mut ReleasedQuery)| {
        let mut query = granted.clone();
        change(&mut query);
        query
    };
    let attempts = [
        ("no grant", altered(&|query| query.grants.clear())),
        ("one grant too few", altered(&|query| query.grants.truncate(2))),
        (
            "one grant as often as it takes",
            altered(&|query| {
                let first = query.grants[0].clone();
                query.grants = vec![first; 3];
            }),
        ),
        ("the epoch before", altered(&|query| (query.first, query.last) = (neighbour(-1), neighbour(-1)))),
        ("the epoch behind", altered(&|query| (query.first, query.last) = (neighbour(1), neighbour(1)))),
        ("one epoch more", altered(&|query| query.last = neighbour(1))),
        ("every epoch", altered(&|query| (query.first, query.last) = (EpochNo(0), EpochNo(u64::MAX)))),
        ("an empty range", altered(&|query| query.first = neighbour(1))),
        ("another request's grants", altered(&|query| query.grants = wide.grants.clone())),
        ("its own grants for another request", altered(&|query| query.request = wide.request.clone())),
        ("another sponsor's request", altered(&|query| query.draft[0] ^= 1)),
        (
            "a request that is not logged",
            altered(&|query| query.request.proof = query.grants[0].proof.clone()),
        ),
        ("a grant for a request", altered(&|query| query.request = query.grants[0].clone())),
        ("a grant that is not logged", altered(&|query| query.grants[0].proof = query.request.proof.clone())),
        ("another track", altered(&|query| query.track.0 = 1)),
        ("another camera", altered(&|query| query.camera_id.0[0] ^= 1)),
    ];
    for (what, query) in attempts {
        let refused = fetched(&sponsor, query).await.expect_err(what);
        assert!(is_refused(&refused), "{what}: {refused}");
    }

    // Of a request that it did not draft it hears the same, whichever camera that is about.
    let other_camera = stage.cast.video.cameras[1].id;
    let mut said = Vec::new();
    for (camera_id, grants) in
        [(camera_id, true), (camera_id, false), (other_camera, true), (other_camera, false)]
    {
        let mut query = ReleasedQuery { camera_id, draft: [1; 32], ..granted.clone() };
        query.grants.truncate(if grants { 16 } else { 0 });
        said.push(fetched(&sponsor, query).await.unwrap_err().to_string());
    }
    assert!(said.iter().all(|one| *one == said[0]), "{said:?}");

    // And nobody but a sponsor may show a release.
    let device = Session::of_device(&stage).await;
    assert!(is_refused(&fetched(&device, granted).await.unwrap_err()));
    stage.strike().await;
}

const EPOCH_US: u64 = world::EPOCH_SECONDS as u64 * 1_000_000;

fn is_refused(error: &CallError) -> bool {
    let codes = [RefusalCode::NotAllowed, RefusalCode::Malformed];
    matches!(error, CallError::Refused(refusal) if codes.contains(&refusal.code))
}

/// What a release is shown with, from the folder of its request.
fn shown(folder: &RequestFolder, camera_id: media::id::CameraId) -> ReleasedQuery {
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let package = Package::decode(&read("package")).unwrap();
    let number = |bytes: &Vec<u8>| SignedEpochOpen::decode(bytes).unwrap().unverified().context.epoch_no;
    let bundles = std::fs::read_dir(folder.path().join("bundles")).unwrap();
    let grant = |entry: std::io::Result<std::fs::DirEntry>| {
        let bundle = Bundle::decode(&std::fs::read(entry.unwrap().path()).unwrap()).unwrap();
        LoggedLeaf { leaf: bundle.grant, proof: bundle.proof }
    };
    ReleasedQuery {
        camera_id,
        track: TRACK,
        draft: read("draft.bytes").try_into().unwrap(),
        first: number(package.opens.first().unwrap()),
        last: number(package.opens.last().unwrap()),
        cursor: Sequence(0),
        request: LoggedLeaf { leaf: read("leaf.note"), proof: read("leaf.tlog-proof") },
        grants: bundles.map(grant).collect(),
    }
}

async fn fetched(session: &Session, query: ReleasedQuery) -> Result<Vec<SegmentHeader>, CallError> {
    let mut footage = session.link.fetch_released(query).await?;
    let mut headers = Vec::new();
    while let Some((_, segment)) = footage.next().await? {
        headers.push(SegmentHeader::decode(&segment[..HEADER_LEN]).unwrap());
    }
    Ok(headers)
}
