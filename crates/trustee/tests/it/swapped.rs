//! Whoever holds a package may resend its leaf with other things around it: one bad trustee, or
//! whoever reads its disk. Nothing of that becomes a leaf, or ends what waits for a human.

use crate::camera::{Camera, Case, Dealing, day_keys};
use crate::world::{Approval, Served, World, failure, json, open, refusal};
use escrow::package::Package;
use escrow::record::{Grant, Kind, RefusalLeaf};
use host::rng::Rng;
use media::policy::{Class, Classes, OwnerPolicy};
use seal::hpke::SecretKey;
use stage::{dealt, until};
use std::time::Duration;

/// A trustee that takes in what humans say only when it is asked: an approval stays on its disk.
async fn world() -> World {
    let mut world = World::new(Approval::Human).await;
    world.config.poll_ms = 600_000;
    world
}

/// Another policy of the camera's owner, in the log, around the same leaf.
async fn under(world: &World, camera: &Camera, case: &Case, alter: fn(&mut OwnerPolicy)) -> Package {
    let mut other = camera.filmed.under_policy(alter);
    let (leaf, proof) = world.add(&other.policy_leaf()).await;
    other.keep_policy(&leaf, &proof);
    let package = other.package(&case.request, 0..other.contexts.len(), &case.release_key);
    with_proof(case, package)
}

fn with_proof(case: &Case, package: Package) -> Package {
    Package { proof: case.package.proof.clone(), ..package }
}

/// The first round of the trustee is over: from now on it takes in what humans say only when it is
/// asked, or has refused something.
async fn at_rest(trustee: &Served<'_>) {
    until("the keys of days are published", async || {
        let status = trustee.status().await;
        let mut states = status["day_keys"].as_object().unwrap().values();
        states.all(|state| state == "published").then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
}

/// The yes of before still counts, and the log has no refusal.
async fn goes_on(world: &World, trustee: &Served<'_>, case: &Case) {
    assert_eq!(world.leaves::<RefusalLeaf>().await.len(), 0);
    let granted = trustee.post(case.body()).await;
    open(world, &granted, case.logged(), &case.release_key);
    let grants = world.leaves::<Grant>().await;
    assert_eq!(grants.iter().filter(|grant| grant.value().id == case.id).count(), 1);
    assert_eq!(world.leaves::<RefusalLeaf>().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_policy_around_a_waiting_leaf_makes_no_refusal_and_ends_no_approval() {
    let world = world().await;
    let trustee = world.start().await;
    let camera = Camera::film(&world, &trustee, Dealing::Well).await;
    at_rest(&trustee).await;
    let others: [fn(&mut OwnerPolicy); 5] = [
        |policy| policy.classes = Classes::of(&[Class::Emergency]),
        |policy| policy.policy_doc_hash = [0; 32],
        |policy| policy.log_policy_hash = [0; 32],
        |policy| policy.retention_days = 0,
        |policy| policy.t = 1,
    ];
    for alter in others {
        let case = camera.request(&world, Kind::Legal).await;
        assert_eq!(trustee.post(case.body()).await.status, 202);
        let swapped = under(&world, &camera, &case, alter).await;
        // Nobody has decided: it waits, and nothing is looked at.
        assert_eq!(trustee.post(swapped.encode()).await.status, 202);
        assert_eq!(trustee::pending(&world.config).unwrap().len(), 1);
        at_rest(&trustee).await;
        world.approve(&case.id.to_hex()).unwrap();
        let refused = refusal(&trustee.post(swapped.encode()).await);
        assert_eq!(refused, (403, "g6".to_owned(), "other-policy".to_owned()));
        goes_on(&world, &trustee, &case).await;
    }
    trustee.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_camera_with_the_notice_keys_of_this_one_makes_no_refusal_and_ends_no_approval() {
    let world = world().await;
    let trustee = world.start().await;
    let camera = Camera::film(&world, &trustee, Dealing::Well).await;
    let case = camera.request(&world, Kind::Emergency).await;
    assert_eq!(trustee.post(case.body()).await.status, 202);
    let mut impostor = camera.filmed.impostor();
    let (leaf, proof) = world.add(&impostor.policy_leaf()).await;
    impostor.keep_policy(&leaf, &proof);
    let start = camera.filmed.contexts[0].start_us.seconds();
    let keys = day_keys(&world, &trustee, start.day()).await;
    impostor.film(start.0, camera.filmed.contexts.len() as u64, keys, |_, _| {});
    let package = impostor.package(&case.request, 0..impostor.contexts.len(), &case.release_key);
    let package = with_proof(&case, package).encode();
    at_rest(&trustee).await;
    world.approve(&case.id.to_hex()).unwrap();
    let refused = refusal(&trustee.post(package).await);
    assert_eq!(refused, (403, "g5".to_owned(), "other-camera".to_owned()));
    goes_on(&world, &trustee, &case).await;
    trustee.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_package_of_a_waiting_leaf_neither_takes_its_place_nor_its_approval() {
    let world = world().await;
    let trustee = world.start().await;
    let camera = Camera::film(&world, &trustee, Dealing::Well).await;
    let case = camera.request(&world, Kind::Emergency).await;
    assert_eq!(trustee.post(case.body()).await.status, 202);
    // The camera's thief deals the same epochs once more: everything of it passes G7.
    let mut twin: dealt::Camera = camera.filmed.clone();
    let start = camera.filmed.contexts[0].start_us.seconds();
    let keys = day_keys(&world, &trustee, start.day()).await;
    let all = twin.contexts.len();
    twin.film(start.0, all as u64, keys, |_, open| open.shares[0].as_mut().unwrap().day_key_id = [0; 32]);
    let package = twin.package(&case.request, all..2 * all, &case.release_key);
    let package = with_proof(&case, package).encode();
    at_rest(&trustee).await;
    world.approve(&case.id.to_hex()).unwrap();
    let waits = trustee.post(package).await;
    assert_eq!((waits.status, json(&waits)), (202, serde_json::json!({ "state": "pending-approval" })));
    goes_on(&world, &trustee, &case).await;
    trustee.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_order_behind_a_clerks_yes_makes_no_refusal_and_ends_no_approval() {
    let world = world().await;
    let trustee = world.start().await;
    let camera = Camera::film(&world, &trustee, Dealing::Well).await;
    for other in [&b"another court's"[..], b""] {
        let case = camera.request(&world, Kind::Legal).await;
        assert_eq!(trustee.post(case.body()).await.status, 202);
        at_rest(&trustee).await;
        world.approve(&case.id.to_hex()).unwrap();
        let package = Package { order: other.to_vec(), ..case.package.clone() };
        let refused = refusal(&trustee.post(package.encode()).await);
        assert_eq!(refused, (403, "g5".to_owned(), "order-mismatch".to_owned()));
        goes_on(&world, &trustee, &case).await;
    }
    trustee.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_with_the_public_leaf_learns_nothing_of_what_a_trustee_said() {
    let world = world().await;
    let trustee = world.start().await;
    let camera = Camera::film(&world, &trustee, Dealing::Well).await;
    let case = camera.request(&world, Kind::Emergency).await;
    // The leaf and its proof are public; the release key is not.
    let mut public = case.package.clone();
    public.release_key = SecretKey::generate(&mut Rng::system()).public();
    let stranger = async || {
        let reply = trustee.post(public.encode()).await;
        let path = format!("/release/{}", case.id.to_hex());
        let by_id = trustee.get(&path).await;
        assert_eq!(by_id.status, 404);
        assert!(!by_id.excerpt().contains("street") && !by_id.excerpt().contains("pending"));
        reply
    };
    let before = stranger().await;
    assert_eq!(refusal(&before), (403, "g4".to_owned(), "release-key-mismatch".to_owned()));
    assert_eq!(trustee.post(case.body()).await.status, 202);
    assert_eq!(stranger().await.body, before.body, "that it waits");
    world.deny(&case.id.to_hex(), "the caller stood in another street").unwrap();
    let denied = trustee.post(case.body()).await;
    assert!(json(&denied)["text"].as_str().unwrap().contains("another street"));
    assert_eq!(stranger().await.body, before.body, "that it was denied, and why");
    assert_eq!(failure(&trustee.get("/day-keys/1").await), (404, "no-day-key".to_owned()));
    trustee.stop().await;
}
