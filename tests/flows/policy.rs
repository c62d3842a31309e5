//! An owner who changes the configuration: each camera's policy follows it on the record, a view
//! that is running goes on without an alarm, and what was filmed before keeps the policy it was
//! filmed under.

use host::shutdown::Shutdown;
use media::epoch::SignedEpochOpen;
use owner::live::Event;
use requester::collect::CollectError;
use requester::request::Kind;
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc;
use world::processes::{Ended, run};
use world::session::Session;
use world::{Filmed, Stage, config_files, copy_folder, until};

const NAME: &str = "pedestrians-1";

async fn policy(config: &Path, more: &[&str]) -> Ended {
    run(&[&["owner", "policy", "--json", "--config", config.to_str().unwrap()], more].concat()).await
}

/// What `candor owner policy` said of the one camera.
fn told(ended: &Ended) -> serde_json::Value {
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let last = ended.stdout.lines().last().unwrap();
    serde_json::from_str::<serde_json::Value>(last).unwrap()["cameras"][0].clone()
}

fn changes(told: &serde_json::Value) -> Vec<String> {
    let changes = told["changes"].as_array().unwrap().iter();
    let word = |change: &serde_json::Value, field: &str| change[field].as_str().unwrap().to_owned();
    changes
        .map(|change| {
            format!("{}: {} -> {}", word(change, "what"), word(change, "now"), word(change, "then"))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_follows_the_configuration_and_footage_keeps_the_one_it_was_filmed_under() {
    let stage = Stage::set(1).await;
    let before = stage.filmed(1).await;
    let camera_id = stage.cast.video.cameras[0].id;
    let device = Session::of_device(&stage).await;
    let newest = async || {
        let opens = device.opens(camera_id).await;
        SignedEpochOpen::decode(opens.last().unwrap()).unwrap().unverified().context.clone()
    };

    // A view that runs all the while, in a process that does not know of the change.
    let (sender, mut events) = mpsc::unbounded_channel();
    let (owner, stop) = (stage.cast.people.owner.clone(), Shutdown::new());
    let stopped = stop.clone();
    let watching = tokio::spawn(async move {
        let mut on = |event| drop(sender.send(event));
        owner::live::live(&owner, NAME, &mut tokio::io::sink(), &stopped, &mut on).await.unwrap();
    });

    let config = config_files::owner(&stage);
    let same = told(&policy(&config, &[]).await);
    assert_eq!((&same["version"], changes(&same)), (&1.into(), Vec::new()));
    let keybook = &stage.cast.people.owner_config.keybook;
    let backup = copy_folder(keybook, &stage.folder().join("backup"));

    let text = std::fs::read_to_string(&config).unwrap();
    let wished = text
        .replace("threshold = 3", "threshold = 2")
        .replace("retention_days = 30", "retention_days = 7")
        .replace("\"emergency\", ", "")
        .replace(", \"emergency\"", "");
    std::fs::write(&config, &wished).unwrap();
    let differs = told(&policy(&config, &[NAME]).await);
    let expected = [
        "shares needed: 3 of 5 -> 2 of 5",
        "releases allowed: legal, emergency, recovery -> legal, recovery",
        "footage kept: 30 days -> 7 days",
    ];
    assert_eq!((&differs["version"], changes(&differs)), (&1.into(), expected.map(str::to_owned).to_vec()));
    let applied = told(&policy(&config, &["--apply"]).await);
    assert_eq!((&applied["version"], changes(&applied)), (&2.into(), Vec::new()));
    // Once more changes nothing.
    let again = told(&policy(&config, &["--apply", NAME]).await);
    assert_eq!((&again["version"], &again["leaf_index"]), (&2.into(), &applied["leaf_index"]));

    until("an epoch under the new policy", async || newest().await.t == 2).await;
    let first = newest().await;
    let after = Filmed { from_us: first.start_us.0, to_us: first.end_us().0 };
    stage.stored_until(after.to_us + 10_000_000).await;
    stop.request();
    watching.await.unwrap();
    let (mut epochs, mut alarms) = (Vec::new(), Vec::new());
    while let Ok(event) = events.try_recv() {
        match event {
            Event::SegmentVerified { .. } | Event::Fragment { .. } => {}
            Event::Segment { epoch, .. } => epochs.push(epoch),
            Event::PolicyAlarm { epoch, expected, found } => alarms.push((epoch, expected, found)),
            _ => {}
        }
    }
    assert!(epochs.contains(&first.epoch_no.0), "{epochs:?}");
    assert_eq!(alarms, []);
    let report = owner::audit::audit(&stage.cast.people.owner, owner::audit::Since::LastHead, &mut |_| {})
        .await
        .unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.rows.iter().filter(|row| row.kind.word() == "policy").count(), 2, "{report:?}");

    // The minute before was filmed with emergencies allowed, the one after without.
    stage.collected("before", &stage.ask(0, Kind::Emergency, before)).await;
    let folder = stage.drafted("after", &stage.ask(0, Kind::Emergency, after)).await;
    let requester = &stage.cast.people.requester;
    requester::request::submit(requester, &folder).await.unwrap();
    match requester::collect::collect(requester, &folder, Duration::from_secs(120), &mut |_| {}).await {
        Err(CollectError::Refused(why)) => assert!(why.contains("class-not-allowed"), "{why}"),
        other => panic!("{other:?}"),
    }
    stage.collected("warrant", &stage.ask(0, Kind::Legal, after)).await;

    // A keybook from before the change: the same wish makes the same policy, another one is refused
    // by name.
    let restored = |folder: &Path| wished.replace(&format!("{keybook:?}"), &format!("{folder:?}"));
    let again = copy_folder(&backup, &stage.folder().join("backup-again"));
    std::fs::write(&config, restored(&again)).unwrap();
    let same = told(&policy(&config, &["--apply"]).await);
    assert_eq!((&same["version"], changes(&same)), (&2.into(), Vec::new()));
    std::fs::write(&config, restored(&backup).replace("retention_days = 7", "retention_days = 8")).unwrap();
    let known = told(&policy(&config, &[]).await);
    assert_eq!((&known["version"], changes(&known).len()), (&1.into(), 3));
    let refused = policy(&config, &["--apply"]).await;
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("restored from a backup that is too old"), "{}", refused.stderr);
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_makes_no_policy_changes_nothing_and_says_what_to_correct() {
    let stage = Stage::set(1).await;
    let config = config_files::owner(&stage);
    let text = std::fs::read_to_string(&config).unwrap();
    let wrong = async |from: &str, to: &str, words: &str| {
        assert!(text.contains(from), "{from}");
        std::fs::write(&config, text.replace(from, to)).unwrap();
        let ended = policy(&config, &["--apply"]).await;
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
        let shown = told(&policy(&config, &[]).await);
        assert!(shown["fault"].as_str().unwrap().contains(words), "{shown}");
        assert_eq!(shown["version"], 1);
    };
    wrong("threshold = 3", "threshold = 6", "correct [escrow] or [footage]").await;
    wrong("\"legal\"", "\"curiosity\"", "none of legal, emergency, recovery").await;
    wrong("epoch_seconds = ", "epoch_seconds = 99", "correct [escrow] or [footage]").await;
    let unknown = policy(&config, &["back-door"]).await;
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("no camera is called"), "{}", unknown.stderr);
    stage.strike().await;
}
