//! What was logged is what opens: not the epoch before, not the one after, and nothing that the log
//! does not say.

use bytes::Bytes;
use escrow::package::Package;
use escrow::record::{Request, Signed};
use host::http::{Fetch, FetchLimits};
use requester::collect::Answer;
use requester::folder::RequestFolder;
use requester::open::Step;
use requester::request::Kind;
use requester::show::Tried;
use tlog::Entry as _;
use tlog::note::Signer;
use world::session::Session;
use world::{Filmed, Stage};

const EPOCH_US: u64 = world::EPOCH_SECONDS as u64 * 1_000_000;

/// The `nth` of the filmed epochs, from 0, and `count` of them.
fn epochs(filmed: Filmed, nth: u64, count: u64) -> Filmed {
    let from_us = filmed.from_us + nth * EPOCH_US;
    Filmed { from_us, to_us: from_us + count * EPOCH_US }
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_asked_epochs_open_and_their_neighbours_on_both_sides_do_not() {
    let stage = Stage::set(1).await;
    let filmed = stage.filmed(4).await;
    let requester = &stage.cast.people.requester;
    // The second request is for what the first was not granted, next to what it was.
    for (name, kind, asked) in
        [("legal", Kind::Legal, epochs(filmed, 1, 2)), ("emergency", Kind::Emergency, epochs(filmed, 3, 1))]
    {
        let folder = stage.collected(name, &stage.ask(0, kind, asked)).await;
        let mut seen = Vec::new();
        let on = &mut |step| {
            if let Step::Segment { epoch, .. } = step {
                seen.push(epoch);
            }
        };
        let opened = requester::open::open(requester, &folder, on).await.unwrap();
        let drafted = requester::request::draft(requester, &folder).unwrap();
        let (first, last) = (drafted.first_epoch, drafted.last_epoch);
        // The draft says which minutes these are.
        let Filmed { from_us, to_us } = asked;
        assert!(drafted.from_us <= from_us && to_us <= drafted.to_us, "{name}: {drafted:?}");
        assert_eq!((opened.epochs_requested, opened.epochs_opened), (last - first + 1, last - first + 1));
        assert!(opened.culprits.is_empty() && opened.segments > 0, "{name}: {opened:?}");
        seen.dedup();
        assert_eq!(seen, (first..=last).collect::<Vec<_>>(), "{name}");

        // The control: the same trial opens what was granted.
        for granted in first..=last {
            let tried = requester::show::try_epoch(requester, &folder, granted).await.unwrap();
            assert_eq!(tried, Tried::Opened, "{name}: epoch {granted}");
        }
        let device = Session::of_device(&stage).await;
        let sealed = device.segments(stage.cast.video.cameras[0].id, filmed.from_us, u64::MAX).await;
        for neighbour in [first - 1, last + 1] {
            // The relay hands out nothing of it; and whoever has its ciphertext opens nothing.
            let tried = requester::show::try_epoch(requester, &folder, neighbour).await.unwrap();
            assert!(matches!(tried, Tried::Withheld { .. }), "{name}: epoch {neighbour}: {tried:?}");
            let tried = requester::show::try_sealed(requester, &folder, neighbour, &sealed).await.unwrap();
            let expected = Tried::Refused { name: "fragment-does-not-open".to_owned() };
            assert_eq!(tried, expected, "{name}: epoch {neighbour}");
        }
    }
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_names_other_epochs_than_the_log_or_another_request_is_refused_by_every_trustee() {
    let stage = Stage::set(1).await;
    // The first may be shorter, where a camera began to film in the midst of it: three of one
    // length are behind it.
    let filmed = stage.filmed(4).await;
    let requester = &stage.cast.people.requester;
    for kind in [Kind::Legal, Kind::Emergency] {
        let named = |what: &str| format!("{what}-{kind:?}");
        let narrow = stage.drafted(&named("narrow"), &stage.ask(0, kind, epochs(filmed, 2, 1))).await;
        requester::request::submit(requester, &narrow).await.unwrap();
        let honest = package(&narrow);

        // More: the neighbours' EpochOpens beside the one that was asked for.
        let wide = stage.drafted(&named("wide"), &stage.ask(0, kind, epochs(filmed, 1, 3))).await;
        let opens = package(&wide).opens;
        assert_eq!((opens.len(), &opens[1..2]), (3, &honest.opens[..]));
        put(&narrow, &Package { opens: opens.clone(), ..honest.clone() });
        expect(&stage, &narrow, "g5", "span-mismatch").await;
        // Another: as many as were asked for, but not those.
        for other in [&opens[..1], &opens[2..]] {
            put(&narrow, &Package { opens: other.to_vec(), ..honest.clone() });
            expect(&stage, &narrow, "g6", "range-mismatch").await;
        }
        // The requester's own program hides neither the proof nor the leaf: what it will not send
        // is sent by hand.
        let proof = std::fs::read(narrow.path().join("leaf.tlog-proof")).unwrap();
        let unlogged = countersigned(&stage, &wide);
        let shown = Package { leaf: unlogged, proof: proof.clone(), ..package(&wide) };
        refused(&stage, &shown, "g3", "not-included").await;
        // Logged itself, and shown with the proof of the other.
        requester::request::submit(requester, &wide).await.unwrap();
        let leaf = std::fs::read(wide.path().join("leaf.note")).unwrap();
        let shown = Package { leaf, proof, ..package(&wide) };
        refused(&stage, &shown, "g3", "not-included").await;

        // After all that, what was logged is granted as it was logged.
        put(&narrow, &honest);
        let answers = requester::collect::ask_once(requester, &narrow).await.unwrap();
        let granted = |(_, answer): &(String, Answer)| matches!(answer, Answer::Granted { .. });
        assert_eq!((answers.len(), answers.iter().all(granted)), (5, true), "{answers:?}");
    }
    stage.strike().await;
}

fn package(folder: &RequestFolder) -> Package {
    Package::decode(&std::fs::read(folder.path().join("package")).unwrap()).unwrap()
}

fn put(folder: &RequestFolder, package: &Package) {
    std::fs::write(folder.path().join("package"), package.encode()).unwrap();
}

/// The draft with the sponsor's signature: the leaf as it would be logged.
fn countersigned(stage: &Stage, folder: &RequestFolder) -> Vec<u8> {
    let path = stage.cast.people.requester_config.keys.join("sponsor.secret");
    let sponsor = Signer::from_secret_text(&host::secret::read_line(&path).unwrap()).unwrap();
    let draft = std::fs::read(folder.path().join("draft.note")).unwrap();
    Signed::<Request>::parse(&draft).unwrap().countersign(&sponsor).unwrap().entry_bytes().to_vec()
}

/// Every trustee refuses what is in the folder, by this step and name.
async fn expect(stage: &Stage, folder: &RequestFolder, step: &str, name: &str) {
    let answers = requester::collect::ask_once(&stage.cast.people.requester, folder).await.unwrap();
    assert_eq!(answers.len(), 5);
    for (trustee, answer) in &answers {
        let as_expected =
            matches!(answer, Answer::Refused(no) if (no.step.as_str(), no.name.as_str()) == (step, name));
        assert!(as_expected, "{trustee}: {answer:?}, not {step} {name}");
    }
}

/// Every trustee refuses this package, posted as it is, by this step and name.
async fn refused(stage: &Stage, package: &Package, step: &str, name: &str) {
    let fetch = Fetch::new(FetchLimits { timeout: world::PATIENCE, ..FetchLimits::default() });
    let body: Bytes = package.encode().into();
    for trustee in &stage.cast.video.trustees {
        let url = format!("http://{}/package", trustee.config.listen);
        let reply = fetch.post(&url, "application/octet-stream", body.clone()).await.unwrap();
        let said: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        let expected = (403, Some(step), Some(name));
        let got = (reply.status, said["step"].as_str(), said["name"].as_str());
        assert_eq!(got, expected, "{}: {said}", trustee.config.name);
    }
}
