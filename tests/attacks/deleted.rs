//! A relay that acknowledged a segment and lets it go: the record is wiped in its store, and owner and
//! strangers name the relay as the one whose loss it is.

use media::segment::{HEADER_LEN, SegmentHeader};
use media::time::Micros;
use owner::Span;
use owner::live::Event;
use std::path::Path;
use world::processes::run;
use world::session::Session;
use world::{EPOCH_SECONDS, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_the_relay_acknowledged_and_deleted_is_named_as_its_loss_by_owner_and_verify() {
    let mut stage = Stage::set(1).await;
    // Receipts come every ten seconds, and stand in the next EpochOpen.
    let filmed = stage.filmed(3).await;
    let camera = (stage.cast.video.cameras[0].id, stage.cast.video.cameras[0].name.clone());
    let device = Session::of_device(&stage).await;
    let first_epoch = (filmed.from_us, filmed.from_us + u64::from(EPOCH_SECONDS) * 1_000_000);
    let segments = device.segments(camera.0, first_epoch.0, first_epoch.1).await;
    let victim = segments[segments.len() / 2].clone();
    let sequence = SegmentHeader::decode(&victim[..HEADER_LEN]).unwrap().sequence.0;
    drop(device);

    let relay = &mut stage.cast.video.relay;
    let key = hex::encode(relay.at().unwrap().key.0);
    relay.stop().await.unwrap();
    assert_eq!(wipe(&relay.config.data, &victim), 1, "it lies in one place of the store");
    let running = super::strangers::relay_again(&relay.config).await;
    relay.resume(running);

    let owner = &stage.cast.people.owner;
    let span = Span::new(Micros(filmed.from_us), Micros(filmed.to_us)).unwrap();
    let (mut gaps, mut seen) = (Vec::new(), Vec::new());
    let on = &mut |event| match event {
        Event::Gap { reason, .. } => gaps.push(reason),
        Event::SegmentVerified { sequence, .. } => seen.push(sequence),
        Event::Refused { reason, .. } => panic!("{reason}"),
        _ => {}
    };
    owner::play::play(owner, &camera.1, span, &mut tokio::io::sink(), on).await.unwrap();
    assert!(!seen.contains(&sequence) && seen.contains(&(sequence + 1)), "{seen:?}");
    assert!(matches!(&gaps[..], [gap] if gap.contains("the relay acknowledged it")), "{gaps:?}");

    let (clip, evidence) = (stage.folder().join("clip.mp4"), stage.folder().join("door.evidence"));
    let exported = owner::export::export(owner, &camera.1, span, &clip, &mut |_| {}).await.unwrap();
    assert!(
        matches!(&exported.gaps[..], [gap] if gap.reason.contains("the relay acknowledged it")),
        "{:?}",
        exported.gaps
    );
    let written = owner::evidence::export(owner, &camera.1, span, &evidence).await.unwrap();
    assert_eq!((written.missing, written.complete), (1, false));

    // A stranger, with the log's policy and the file alone.
    let policy = stage.cast.records.policy_file.to_str().unwrap();
    let args = ["verify", "--json", evidence.to_str().unwrap(), "--policy", policy];
    let ended = run(&args).await;
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    let verdict: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let losses = verdict["footage"]["losses"].as_array().unwrap();
    let [loss] = &losses[..] else { panic!("{losses:?}") };
    assert_eq!((loss["first"].as_u64(), loss["last"].as_u64()), (Some(sequence), Some(sequence)));
    assert_eq!((loss["culprit"].as_str(), loss["relay_key"].as_str()), (Some("relay"), Some(&*key)));
    stage.strike().await;
}

/// Overwrites the body of a segment wherever it lies below `folder`; how often it was found.
fn wipe(folder: &Path, segment: &[u8]) -> usize {
    let mut found = 0;
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found += wipe(&path, segment);
            continue;
        }
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(HEADER_LEN).position(|window| window == &segment[..HEADER_LEN]);
        let Some(at) = at.filter(|at| bytes[*at..].starts_with(segment)) else { continue };
        bytes[at + HEADER_LEN..at + segment.len()].fill(0);
        std::fs::write(&path, bytes).unwrap();
        found += 1;
    }
    found
}
