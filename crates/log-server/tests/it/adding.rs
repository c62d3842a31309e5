//! Adding leaves: what comes back, what is refused, and that everybody can read it.

use crate::world::{World, error_of, leaf, leaf_by, submitted, submitter, text_hash};
use std::collections::BTreeSet;
use std::sync::Arc;
use tlog::note::{self, Signer};
use tlog::reader::{Head, Reader};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaf_comes_back_proved_and_the_same_bytes_get_the_same_index() {
    let world = World::new().await;
    let log = world.start().await;
    let (first, second) = (leaf("one"), leaf("two"));
    let logged = world.added(&log, &first).await;
    assert_eq!(logged.index(), 0);
    assert!(logged.cosigned().cosignatures().len() >= 3);
    assert_eq!(world.added(&log, &second).await.index(), 1);
    assert_eq!(world.added(&log, &first).await.index(), 0);

    let path = format!("/log/v1/proof/{}", text_hash(&second).to_hex());
    assert_eq!(world.verified(&world.get(&log, &path).await, &second).index(), 1);
    let unknown = format!("/log/v1/proof/{}", text_hash(&leaf("never")).to_hex());
    assert_eq!(error_of(&world.get(&log, &unknown).await), (404, "not-published".to_owned()));
    assert_eq!(world.get(&log, "/log/v1/proof/zz").await.status, 400);

    // The very same bytes many times at once, before and while they are integrated: one leaf.
    let (world, log, same) = (Arc::new(world), Arc::new(log), leaf("three"));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (world, log, same) = (world.clone(), log.clone(), same.clone());
        tasks.spawn(async move { world.added(&log, &same).await.index() });
    }
    assert!(tasks.join_all().await.into_iter().all(|index| index == 2));
    assert_eq!(world.published(&log).await.unwrap().0, 3);
}

/// "Copies": one more signature line by anybody made a new leaf of a logged one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_is_logged_once_whoever_signs_it_again() {
    let world = World::new().await;
    let log = world.start().await;
    let logged = world.added(&log, &leaf("one")).await;
    assert!(tlog::stamp::is_stamped(logged.value(), &leaf("one")));
    let more = Signer::from_seed("bar.example", &[8; 32]).unwrap();
    let copies = [leaf_by("one", &[&submitter(), &more]), leaf_by("one", &[&more, &submitter()])];
    for copy in &copies {
        assert_eq!(error_of(&world.add(&log, copy).await), (409, "text-taken".to_owned()));
    }
    assert_eq!(world.published(&log).await.unwrap().0, 1);
    // The entry itself is a repeat like the leaf; a stamp that the log never gave is none.
    assert_eq!(world.added(&log, logged.value()).await.index(), 0);
    let (_, stamp) = tlog::stamp::split(logged.value()).unwrap();
    let moved = [&leaf("two")[..], stamp].concat();
    assert_eq!(error_of(&world.add(&log, &moved).await), (400, "stamped".to_owned()));

    // Two at once: one of them is the entry, whichever came first.
    let (one, two) = (leaf("three"), leaf_by("three", &[&submitter(), &more]));
    let (first, second) = tokio::join!(world.add(&log, &one), world.add(&log, &two));
    let mut outcomes = [first.status, second.status];
    outcomes.sort_unstable();
    assert_eq!(outcomes, [200, 409]);
    assert_eq!(world.published(&log).await.unwrap().0, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_leaves_at_once_are_all_there_for_a_reader_who_believes_nothing() {
    let world = Arc::new(World::new().await);
    let log = Arc::new(world.start().await);
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..300 {
        let (world, log) = (world.clone(), log.clone());
        tasks.spawn(async move { world.added(&log, &leaf(&format!("leaf {n}"))).await.index() });
    }
    let indexes: BTreeSet<u64> = tasks.join_all().await.into_iter().collect();
    assert_eq!(indexes, (0..300).collect());

    let head = world.policy.verify_checkpoint(&world.get(&log, "/checkpoint").await.body).unwrap();
    let mut reader = Reader::new(Head::EMPTY, &head).unwrap();
    let mut entries = BTreeSet::new();
    while !reader.is_complete() {
        for path in reader.wanted() {
            let reply = world.get(&log, &format!("/{path}")).await;
            assert_eq!(reply.status, 200, "{path}");
            reader.feed(&path, &reply.body).unwrap();
        }
        while let Some(entry) = reader.next_entry() {
            entries.insert(submitted(entry.bytes()));
        }
    }
    assert_eq!(entries, (0..300).map(|n| leaf(&format!("leaf {n}"))).collect());
    // Earlier, narrower tiles are still there to be had, as they were.
    let full = world.get(&log, "/tile/0/000").await.body;
    for width in [1, 7, 255] {
        let partial = world.get(&log, &format!("/tile/0/000.p/{width}")).await;
        assert_eq!((partial.status, &partial.body[..]), (200, &full[..32 * width]));
    }
    for path in [
        "/tile/0/001.p/45",
        "/tile/0/001",
        "/tile/2/000.p/1",
        "/tile/0/0",
        "/tile/0/..%2f..%2flock",
        "/tile/entries/999",
    ] {
        assert_eq!(world.get(&log, path).await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_a_submitters_leaf_is_refused_by_name() {
    let world = World::new().await;
    let log = world.start().await;
    let stranger = Signer::from_seed("police.example/7", &[7; 32]).unwrap();
    let foreign = leaf_by("request", &[&stranger]);
    assert_eq!(error_of(&world.add(&log, &foreign).await), (403, "unknown-submitter".to_owned()));
    let other_kind = note::sign("candor secret v1\n", &[&submitter()]).unwrap().encode();
    assert_eq!(error_of(&world.add(&log, &other_kind).await), (403, "kind-not-admitted".to_owned()));
    let moved = String::from_utf8(leaf("one")).unwrap().replacen("one", "two", 1);
    assert_eq!(error_of(&world.add(&log, moved.as_bytes()).await), (403, "bad-signature".to_owned()));
    for garbage in [&b""[..], b"\xff\xfe", b"{}", &[0; 1000]] {
        assert_eq!(error_of(&world.add(&log, garbage).await), (400, "not-a-note".to_owned()));
    }
    let large = leaf(&"x".repeat(33_000));
    assert_eq!(error_of(&world.add(&log, &large[..32 * 1024 + 1]).await), (413, "leaf-too-large".to_owned()));
    assert_eq!(world.add(&log, &large).await.status, 413);
    // The largest leaf that fits goes in.
    let overhead = leaf("").len();
    let largest = leaf(&"x".repeat(log_server::MAX_LEAF_BYTES - overhead));
    assert_eq!(largest.len(), log_server::MAX_LEAF_BYTES);
    assert_eq!(world.added(&log, &largest).await.index(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submitter_over_its_rate_is_told_and_repeats_cost_nothing() {
    let mut world = World::new().await;
    world.config.submitters[0].burst = 2;
    world.config.submitters[0].per_minute = 1;
    let log = world.start().await;
    for text in ["one", "two", "one", "two"] {
        world.added(&log, &leaf(text)).await;
    }
    assert_eq!(error_of(&world.add(&log, &leaf("three")).await), (429, "rate".to_owned()));
}
