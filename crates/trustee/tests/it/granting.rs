//! No key without a leaf: refused before, granted after, the same bytes for ever.

use crate::camera::{Camera, Dealing, EPOCHS};
use crate::world::{Approval, World, json, open, refusal};
use escrow::package::Package;
use escrow::record::{Grant, Kind, RefusalLeaf, ShareBad};
use seal::details::DetailsKey;
use stage::until;
use tlog::Hash;
use tlog::note::Verifier;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unlogged_request_is_refused_and_the_logged_one_is_granted_once() {
    let world = World::new(Approval::Automatic).await;
    let trustee = world.start().await;
    let camera = Camera::film(&world, &trustee, Dealing::Well).await;
    let mut case = camera.ask(Kind::Emergency);
    let refused = refusal(&trustee.post(case.body()).await);
    assert_eq!(refused, (403, "g2".to_owned(), "not-logged".to_owned()));
    let status = trustee.status().await;
    assert_eq!(
        (&status["granted"], &status["appending"], &status["refused"]),
        (&0.into(), &0.into(), &0.into())
    );

    case.log(&world).await;
    let granted = trustee.post(case.body()).await;
    let opened = open(&world, &granted, case.logged(), &case.release_key);
    let shares: Vec<_> = opened.shares.iter().map(|(epoch, share)| (epoch.0, share.index())).collect();
    assert_eq!(
        shares,
        camera.filmed.contexts.iter().map(|context| (context.epoch_no.0, 1)).collect::<Vec<_>>()
    );
    assert_eq!(u64::from(opened.grant.value().value().epochs), EPOCHS);
    // The automatic approval is one by a key made for it.
    let auto = Verifier::parse(world.created.approver.as_ref().unwrap()).unwrap();
    assert_eq!(auto.name(), "bar.example/auto-approve");
    let approver = Hash::of(&[&auto.ed25519_key().unwrap()]);
    assert_eq!(opened.grant.value().value().approver, Some(approver));

    // A repeat gets the same bytes; the log has one grant.
    for _ in 0..2 {
        assert_eq!(trustee.post(case.body()).await.body, granted.body);
    }
    // Also after a restart.
    trustee.stop().await;
    let trustee = world.start().await;
    let again = until("the trustee has caught up", async || {
        let reply = trustee.post(case.body()).await;
        (reply.status != 503).then_some(reply)
    });
    assert_eq!(again.await.body, granted.body);
    let grants = world.leaves::<Grant>().await;
    assert_eq!(grants.len(), 1);
    assert_eq!(grants[0].hash(), opened.grant.value().hash());
    let status = trustee.status().await;
    assert_eq!((&status["granted"], &status["appending"]), (&1.into(), &0.into()));
    assert_eq!(world.leaves::<RefusalLeaf>().await.len(), 0);
    trustee.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_get_one_grant_and_the_same_bytes() {
    let world = World::new(Approval::Automatic).await;
    let trustee = world.start().await;
    let camera = Camera::film(&world, &trustee, Dealing::Well).await;
    let case = camera.request(&world, Kind::Legal).await;
    let ask = async || trustee.post(case.body()).await;
    let replies: [_; 4] = tokio::join!(ask(), ask(), ask(), ask()).into();
    let first = &replies[0];
    open(&world, first, case.logged(), &case.release_key);
    assert!(replies.iter().all(|reply| reply.body == first.body));
    assert_eq!(world.leaves::<Grant>().await.len(), 1);
    trustee.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_share_is_named_in_the_log_once_and_nothing_is_granted() {
    let world = World::new(Approval::Automatic).await;
    let trustee = world.start().await;
    let camera = Camera::film(&world, &trustee, Dealing::BadShare).await;
    let case = camera.request(&world, Kind::Legal).await;
    for _ in 0..2 {
        let refused = refusal(&trustee.post(case.body()).await);
        assert_eq!(refused, (403, "g9".to_owned(), "share-bad".to_owned()));
    }
    let leaves = until("the share-bad leaf is logged", async || {
        let leaves = world.leaves::<ShareBad>().await;
        (!leaves.is_empty() && trustee.status().await["outbox"] == 0).then_some(leaves)
    })
    .await;
    assert_eq!(leaves.len(), 1);
    let leaf = leaves[0].value();
    assert_eq!((leaf.id, leaf.request), (case.id, case.request.hash()));
    // The evidence is kept under the hash that the leaf names, without what only the case is about.
    let bare = Package { details_key: DetailsKey::new([0; 32]), order: Vec::new(), ..case.package.clone() };
    let kept = world.config.data.join("evidence").join(format!("{}.package", leaf.evidence.to_hex()));
    assert_eq!(std::fs::read(kept).unwrap(), bare.encode());
    assert_eq!(world.leaves::<Grant>().await.len(), 0);
    trustee.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_final_refusal_is_one_leaf_and_a_strangers_junk_is_none() {
    let world = World::new(Approval::Automatic).await;
    let trustee = world.start().await;
    let camera = Camera::film(&world, &trustee, Dealing::Well).await;
    // Two emergencies about a camera are allowed within the window.
    let cases = [
        camera.request(&world, Kind::Emergency).await,
        camera.request(&world, Kind::Emergency).await,
        camera.request(&world, Kind::Emergency).await,
    ];
    // The leaf and its proof are public: with them alone anybody can send a package, and takes
    // nothing from anybody.
    let mut junk = cases[0].package.clone();
    junk.enrollment[40] ^= 1;
    let refused = refusal(&trustee.post(junk.encode()).await);
    assert_eq!(refused, (403, "g5".to_owned(), "enrollment-forged".to_owned()));
    assert_eq!(trustee.post(cases[0].body()).await.status, 200);
    assert_eq!(trustee.post(cases[1].body()).await.status, 200);
    for _ in 0..3 {
        let refused = refusal(&trustee.post(cases[2].body()).await);
        assert_eq!(refused, (403, "g7".to_owned(), "camera-quota".to_owned()));
    }
    let leaves = until("the refusal is logged", async || {
        let leaves = world.leaves::<RefusalLeaf>().await;
        (!leaves.is_empty() && trustee.status().await["outbox"] == 0).then_some(leaves)
    })
    .await;
    assert_eq!(leaves.len(), 1);
    let leaf = leaves[0].value();
    assert_eq!((leaf.id, leaf.step.as_str(), leaf.reason.as_str()), (cases[2].id, "g7", "camera-quota"));
    assert_eq!(leaf.request_index, cases[2].logged().index());
    trustee.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn automatic_approval_is_marked_wherever_one_looks() {
    let world = World::new(Approval::Automatic).await;
    let trustee = world.start().await;
    let status = json(&trustee.get("/status").await);
    assert_eq!(status["auto_approve"], true);
    let [warning] = &status["warnings"].as_array().unwrap()[..] else { panic!("{status}") };
    assert!(warning.as_str().unwrap().contains("AUTO-APPROVE"), "{status}");
    let auto = world.created.approver.clone().unwrap();
    assert!(status["approvers"].as_array().unwrap().contains(&auto.into()));
    trustee.stop().await;

    // A folder that was made for humans does not become automatic by a line in the configuration.
    let mut human = World::new(Approval::Human).await;
    assert_eq!(human.created.approver, None);
    let config = trustee::Config { auto_approve: true, ..human.config.clone() };
    let refused = trustee::start(config, host::shutdown::Shutdown::new()).await.unwrap_err();
    assert!(matches!(refused, trustee::Error::NoAutoApprover { .. }), "{refused}");
    for (retention_days, warnings) in [(30, 0), (29, 1)] {
        human.config.retention_days = retention_days;
        let trustee = human.start().await;
        let status = json(&trustee.get("/status").await);
        let told = status["warnings"].as_array().unwrap().len();
        assert_eq!((&status["auto_approve"], told), (&false.into(), warnings), "{status}");
        trustee.stop().await;
    }
}
