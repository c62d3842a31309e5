//! A human decides: the request waits with its page, the decision is a file beside the running
//! trustee, nothing of it is on the network.

use crate::camera::{Camera, Dealing};
use crate::world::{Approval, CALLED, RECOVERY_WAIT_SECS, World, json, open, refusal};
use escrow::answer::State;
use escrow::package::Package;
use escrow::record::{Grant, Kind, RefusalLeaf};
use stage::dealt::ORDER;
use stage::until;
use tlog::Hash;
use tlog::note::Verifier;
use trustee::{ApproveError, Pending};

fn text<'a>(page: &'a Pending, field: &str) -> &'a str {
    &page.details.iter().find(|line| line.field == field).unwrap().text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_waits_for_a_human_with_everything_that_is_asked_and_is_granted_after_the_yes() {
    let world = World::new(Approval::Human).await;
    let trustee = world.start().await;
    let camera = Camera::film(&world, &trustee, Dealing::Well).await;
    let case = camera.request(&world, Kind::Emergency).await;
    let id = case.id.to_hex();
    for _ in 0..2 {
        let waits = trustee.post(case.body()).await;
        assert_eq!((waits.status, json(&waits)), (202, serde_json::json!({ "state": "pending-approval" })));
    }

    let pages = trustee::pending(&world.config).unwrap();
    let [page] = &pages[..] else { panic!("{pages:?}") };
    assert_eq!((&page.id, page.state, page.decided), (&id, State::PendingApproval, None));
    assert_eq!(
        (page.kind.as_str(), page.agency.as_deref(), page.span.as_str()),
        ("emergency", Some("police.example"), "30s")
    );
    assert_eq!(
        (page.request_index, page.request.clone()),
        (case.logged().index(), case.request.hash().to_base64())
    );
    let logged_at = case.request.stamp(&world.log.policy.stamp_keys()).unwrap();
    assert_eq!(page.logged_at, Some(logged_at.0), "the clerk sees since when it stands in the log");
    let footage = page.footage.unwrap();
    assert_eq!(
        (footage.from_us, footage.until_us),
        (camera.filmed.contexts[0].start_us.0, camera.filmed.contexts[2].end_us().0)
    );
    assert_eq!((footage.epochs, text(page, "first-epoch"), text(page, "last-epoch")), (3, "7", "9"));
    assert_eq!(text(page, "in-danger"), "a boy of 4, taken by an unknown man");
    assert_eq!((text(page, "officer"), text(page, "badge")), ("Sgt. A. Byron", "1182"));
    assert!(page.details.iter().all(|line| line.text != "-"));

    // Who is no approver, or names no waiting request, changes nothing.
    let stranger = world.dir.path().join("stranger.key");
    trustee::approver_init(&stranger, "stranger.example").unwrap();
    let refused = trustee::approve(&world.config, &id, CALLED, &stranger).unwrap_err();
    assert!(matches!(refused, ApproveError::NotAnApprover { .. }), "{refused}");
    for (bad, of) in [("zz", "BadId"), ("00112233445566778899aabbccddeeff", "NotPending")] {
        let refused = world.approve(bad).unwrap_err();
        assert!(format!("{refused:?}").starts_with(of), "{refused:?}");
    }
    let unsaid = trustee::Called { number: "", ..CALLED };
    let refused = trustee::approve(&world.config, &id, unsaid, &world.clerk).unwrap_err();
    assert!(matches!(refused, ApproveError::BadLine("number")), "{refused}");
    // Nor does a denial that no approver signed.
    let refused = trustee::deny(&world.config, &id, "no", &stranger).unwrap_err();
    assert!(matches!(refused, ApproveError::NotAnApprover { .. }), "{refused}");
    let denial = world.config.data.join("approvals").join(format!("{id}.denial"));
    std::fs::write(&denial, b"I say no").unwrap();
    until("it is put aside", async || (!denial.exists()).then_some(())).await;
    assert_eq!(trustee.post(case.body()).await.status, 202);
    // A file that is no approval is put aside, and the request goes on waiting.
    let approvals = world.config.data.join("approvals");
    std::fs::write(approvals.join(format!("{id}.approval")), b"yes, yes").unwrap();
    until("the junk is put aside", async || approvals.join(format!("{id}.rejected")).exists().then_some(()))
        .await;
    assert_eq!(trustee.post(case.body()).await.status, 202);

    world.approve(&id).unwrap();
    // Nobody has to ask again for the grant to be made.
    until("the decision is taken in", async || {
        (trustee::pending(&world.config).unwrap().is_empty() && trustee.status().await["granted"] == 1)
            .then_some(())
    })
    .await;
    let granted = trustee.post(case.body()).await;
    let opened = open(&world, &granted, case.logged(), &case.release_key);
    let clerk = Verifier::parse(&world.config.approvers[0]).unwrap();
    assert_eq!(opened.grant.value().value().approver, Some(Hash::of(&[&clerk.ed25519_key().unwrap()])));
    assert_eq!(trustee.post(case.body()).await.body, granted.body);
    assert_eq!(std::fs::read_dir(world.config.data.join("pending")).unwrap().count(), 0);
    // What the clerk signed is kept, and it is what the grant names.
    let note = std::fs::read(world.config.data.join("evidence").join(format!("{id}.approval"))).unwrap();
    assert_eq!(opened.grant.value().value().decision, Hash::of(&[&note]));
    let note = String::from_utf8(note).unwrap();
    for said in [CALLED.called, CALLED.number, CALLED.source] {
        assert!(note.contains(said), "{note}");
    }
    trustee.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_no_is_a_leaf_stays_a_no_and_survives_an_older_backup() {
    let world = World::new(Approval::Human).await;
    let trustee = world.start().await;
    let camera = Camera::film(&world, &trustee, Dealing::Well).await;
    let case = camera.request(&world, Kind::Legal).await;
    let id = case.id.to_hex();
    assert_eq!(trustee.post(case.body()).await.status, 202);
    // What waits survives a restart.
    trustee.stop().await;
    let backup = world.dir.path().join("backup");
    stage::copy_folder(&world.config.data, &backup);
    let trustee = world.start().await;
    assert_eq!(trustee::pending(&world.config).unwrap().len(), 1);
    for bad in ["", "two\nlines", "-"] {
        assert!(matches!(world.deny(&id, bad), Err(ApproveError::BadLine("reason"))), "{bad:?}");
    }
    world.deny(&id, "the order names another street").unwrap();
    until("the denial is in the log", async || {
        let one = world.leaves::<RefusalLeaf>().await.len() == 1;
        (one && trustee::pending(&world.config).unwrap().is_empty()).then_some(())
    })
    .await;
    let reply = trustee.post(case.body()).await;
    assert_eq!(refusal(&reply), (403, "g8".to_owned(), "denied".to_owned()));
    assert!(json(&reply)["text"].as_str().unwrap().contains("another street"));
    let leaf = world.leaves::<RefusalLeaf>().await.remove(0);
    assert_eq!((leaf.value().id, leaf.value().reason.as_str()), (case.id, "denied"));
    assert!(!leaf.text().contains("street"));
    assert!(matches!(world.approve(&id), Err(ApproveError::NotPending(_))));
    trustee.stop().await;

    // The folder as it was before: a yes now would contradict the log.
    std::fs::remove_dir_all(&world.config.data).unwrap();
    stage::copy_folder(&backup, &world.config.data);
    world.approve(&id).unwrap();
    let trustee = world.start().await;
    let reply = until("the trustee has caught up", async || {
        let reply = trustee.post(case.body()).await;
        (reply.status != 503).then_some(reply)
    });
    assert_eq!(refusal(&reply.await).2, "denied");
    assert_eq!(world.leaves::<Grant>().await.len(), 0);
    assert_eq!(world.leaves::<RefusalLeaf>().await.len(), 1);
    trustee.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recovery_waits_its_time_needs_no_approval_and_can_be_denied_meanwhile() {
    let world = World::new(Approval::Human).await;
    let trustee = world.start().await;
    let camera = Camera::film(&world, &trustee, Dealing::Well).await;
    let [granted, denied] =
        [camera.request(&world, Kind::Recovery).await, camera.request(&world, Kind::Recovery).await];
    for case in [&granted, &denied] {
        let waits = trustee.post(case.body()).await;
        let stamp = case.request.stamp(&world.log.policy.stamp_keys()).unwrap();
        let until = stamp.0 + RECOVERY_WAIT_SECS;
        let expected = serde_json::json!({ "state": "waiting", "wait_until": until });
        assert_eq!((waits.status, json(&waits)), (202, expected));
    }
    let pages = trustee::pending(&world.config).unwrap();
    assert_eq!(pages.iter().map(|page| page.kind.as_str()).collect::<Vec<_>>(), ["recovery", "recovery"]);
    assert!(pages.iter().all(|page| matches!(page.state, State::Waiting { .. }) && page.agency.is_none()));
    world.deny(&denied.id.to_hex(), "the owner called: it was not her").unwrap();
    until("both are settled", async || {
        let settled = trustee::pending(&world.config).unwrap().is_empty();
        (settled && trustee.status().await["granted"] == 1).then_some(())
    })
    .await;
    let reply = trustee.post(granted.body()).await;
    let opened = open(&world, &reply, granted.logged(), &granted.release_key);
    assert_eq!(opened.grant.value().value().approver, None);
    assert_eq!(refusal(&trustee.post(denied.body()).await).2, "denied");
    trustee.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_rules_ask_for_two_approvers_one_key_is_not_enough() {
    // After so many emergencies each needs two: here, from the first.
    let mut world = World::under(Approval::Human, |figures| figures.breaker_max = 0).await;
    let second = world.dir.path().join("second.key");
    world.config.approvers.push(trustee::approver_init(&second, "second.bar.example").unwrap());
    let trustee = world.start().await;
    let camera = Camera::film(&world, &trustee, Dealing::Well).await;
    let case = camera.request(&world, Kind::Emergency).await;
    let id = case.id.to_hex();
    assert_eq!(trustee.post(case.body()).await.status, 202);
    assert_eq!(trustee::pending(&world.config).unwrap()[0].approvals, 2);
    world.approve(&id).unwrap();
    assert_eq!(trustee::pending(&world.config).unwrap()[0].decided, Some(trustee::Decision::HalfApproved));
    assert_eq!(trustee.post(case.body()).await.status, 202);
    assert!(matches!(world.approve(&id), Err(ApproveError::SameApprover(_))));
    trustee::approve(&world.config, &id, CALLED, &second).unwrap();
    let granted = until("both are taken in", async || {
        let reply = trustee.post(case.body()).await;
        (reply.status == 200).then_some(reply)
    });
    let opened = open(&world, &granted.await, case.logged(), &case.release_key);
    let keys = [0, 1].map(|at| Verifier::parse(&world.config.approvers[at]).unwrap().ed25519_key().unwrap());
    assert_eq!(opened.grant.value().value().approver, Some(Hash::of(&[&keys[0], &keys[1]])));
    trustee.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clerk_sees_the_very_order_and_another_one_neither_takes_its_place_nor_becomes_a_leaf() {
    let world = World::new(Approval::Human).await;
    let trustee = world.start().await;
    let camera = Camera::film(&world, &trustee, Dealing::Well).await;
    let case = camera.request(&world, Kind::Legal).await;
    let id = case.id.to_hex();
    let with = |order: &[u8]| Package { order: order.to_vec(), ..case.package.clone() }.encode();
    let mismatch = (403, "g5".to_owned(), "order-mismatch".to_owned());
    assert_eq!(refusal(&trustee.post(with(b"another court's")).await), mismatch);
    assert!(trustee::pending(&world.config).unwrap().is_empty());
    assert_eq!(trustee.post(case.body()).await.status, 202);
    let page = trustee::pending(&world.config).unwrap().remove(0);
    assert_eq!((page.order_bytes, text(&page, "order")), (ORDER.len(), &*Hash::of(&[ORDER]).to_base64()));
    assert_eq!(trustee::order(&world.config, &id).unwrap(), ORDER);
    // On this machine too only the order that the leaf names is shown, and decided on; what is damaged,
    // its sender's next asking puts right.
    let kept = world.config.data.join("pending").join(format!("{id}.package"));
    for damage in [with(b"another court's"), with(b""), b"torn".to_vec()] {
        std::fs::write(&kept, &damage).unwrap();
        world.approve(&id).unwrap_err();
        assert_eq!(trustee.post(case.body()).await.status, 202);
        std::fs::write(&kept, &damage).unwrap();
        let damaged = trustee::order(&world.config, &id).unwrap_err();
        assert!(matches!(damaged, ApproveError::OrderDamaged(_) | ApproveError::NotPending(_)), "{damaged}");
        assert_eq!(trustee.post(case.body()).await.status, 202);
        assert_eq!(trustee::order(&world.config, &id).unwrap(), ORDER);
    }
    // An emergency has none.
    let emergency = camera.request(&world, Kind::Emergency).await;
    assert_eq!(trustee.post(emergency.body()).await.status, 202);
    let none = trustee::order(&world.config, &emergency.id.to_hex()).unwrap_err();
    assert!(matches!(none, ApproveError::NoOrder(_)), "{none}");
    world.approve(&id).unwrap();
    open(&world, &trustee.post(case.body()).await, case.logged(), &case.release_key);
    assert!(world.leaves::<RefusalLeaf>().await.is_empty());
    trustee.stop().await;
}
