//! A trustee that loses its disk: what was dealt to it is for the others, the owner sees that it is,
//! and cameras deal to a key that it has. What too few others were there for stays closed, and is named.

use host::shutdown::Shutdown;
use media::epoch::SignedEpochOpen;
use owner::audit::Since;
use owner::holders::{Holders, Why};
use requester::ask::Kind;
use requester::open::Step;
use world::session::Session;
use world::{Filmed, PATIENCE, Stage, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_deals_to_no_key_that_its_trustee_declared_lost_and_the_owner_counts_it_meanwhile() {
    // At first there are just as many as must grant.
    let mut stage = Stage::set_with(1, |plan| plan.away = 2).await;
    let early = stage.filmed(1).await;
    stage.cast.complete().await.unwrap();
    restart_the_relay(&mut stage).await;
    let mut before = holders(&stage).await;
    until("the camera deals to all", async || {
        before = holders(&stage).await;
        before.holding == 5
    })
    .await;
    let lost = dealt_to_the_first(&stage).await.unwrap();
    assert_eq!((before.holding, before.trustees, before.is_red()), (5, 5, false), "{before:?}");

    let trustee = &mut stage.cast.video.trustees[0];
    trustee.stop().await.unwrap();
    std::fs::remove_dir_all(trustee.config.data.join("days")).unwrap();
    trustee::restore(&trustee.config).unwrap();
    let mut started = None;
    until("the trustee is back", async || {
        started = trustee::start(trustee.config.clone(), Shutdown::new()).await.ok();
        started.is_some()
    })
    .await;
    trustee.resume(started.unwrap());
    let name = trustee.config.name.clone();
    // The relay does not know of it yet, and the camera deals to the lost key; the log tells the owner.
    until("the owner sees that a key is lost", async || {
        let now = holders(&stage).await;
        let lost = now.without.iter().find(|one| one.trustee == name).map(|one| one.why);
        (now.holding, lost) == (4, Some(Why::Lost))
    })
    .await;
    assert_eq!(dealt_to_the_first(&stage).await, Some(lost));

    // A relay that looks again has the trustee's new key, and tells the cameras.
    restart_the_relay(&mut stage).await;
    until("the camera deals to the new key", async || {
        dealt_to_the_first(&stage).await.is_some_and(|key| key != lost)
    })
    .await;
    until("all hold a share again", async || holders(&stage).await.holding == 5).await;

    // What was filmed before is for the others. Of what was filmed first there are too few of them: that
    // is said, and stays closed.
    let requester = &stage.cast.people.requester;
    let filmed = Filmed { from_us: early.from_us, to_us: before.until_us };
    let folder = stage.drafted("before", &stage.ask(0, Kind::Emergency, filmed)).await;
    requester::request::submit(requester, &folder).await.unwrap();
    let collected = requester::collect::collect(requester, &folder, PATIENCE, &mut |_| {}).await.unwrap();
    let refused = collected.answers.iter().find(|(trustee, _)| *trustee == name).map(|(_, answer)| answer);
    assert!(format!("{refused:?}").contains("day-key-lost"), "{collected:?}");
    let mut closed = Vec::new();
    let on = &mut |step| {
        if let Step::NotOpened { epoch, .. } = step {
            closed.push(epoch);
        }
    };
    let opened = requester::open::open(requester, &folder, on).await.unwrap();
    assert_eq!((&opened.not_opened, &closed), (&collected.short, &collected.short));
    let (first, requested) = (before.epoch + 1 - opened.epochs_requested, opened.epochs_requested);
    assert_eq!(closed.first(), Some(&first), "{opened:?}");
    assert!(!closed.contains(&before.epoch) && !opened.complete, "{opened:?}");
    assert_eq!(opened.epochs_opened + closed.len() as u64, requested, "{opened:?}");
    stage.strike().await;
}

/// A relay that begins anew has the keys of all trustees, and cameras that come back get them.
async fn restart_the_relay(stage: &mut Stage) {
    let relay = &mut stage.cast.video.relay;
    relay.stop().await.unwrap();
    let mut started = None;
    until("the relay is back", async || {
        started = relay::start(relay.config.clone(), Shutdown::new()).await.ok();
        started.is_some()
    })
    .await;
    relay.resume(started.unwrap());
}

/// To which key of the first trustee the camera deals in its newest epoch.
async fn dealt_to_the_first(stage: &Stage) -> Option<[u8; 32]> {
    let opens = Session::of_device(stage).await.opens(stage.cast.video.cameras[0].id).await;
    let open = SignedEpochOpen::decode(opens.last().unwrap()).unwrap().unverified().clone();
    open.shares[0].as_ref().map(|share| share.day_key_id)
}

/// Who holds a share of what the camera films, as the owner's audit tells.
async fn holders(stage: &Stage) -> Holders {
    let audited = owner::audit::audit(&stage.cast.people.owner, Since::LastHead, &mut |_| {}).await;
    audited.unwrap().holders.remove(0)
}
