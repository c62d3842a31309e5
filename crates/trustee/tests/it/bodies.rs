//! Foreign bytes: named, bounded, and without effect.

use crate::camera::{Camera, Dealing, day_key};
use crate::world::{Approval, World, failure, open, refusal};
use escrow::daykeys::DayKey;
use escrow::deal::TrusteeId;
use escrow::envelope::{self, ENVELOPE_MAX_BYTES};
use escrow::record::{Grant, Kind};
use stage::until;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_truncated_and_oversized_bodies_are_named() {
    let world = World::new(Approval::Automatic).await;
    let trustee = world.start().await;
    let camera = Camera::film(&world, &trustee, Dealing::Well).await;
    let case = camera.request(&world, Kind::Legal).await;
    let good = case.body();
    let malformed = (400, "g1".to_owned(), "package-malformed".to_owned());
    for bad in [
        Vec::new(),
        vec![0xff; 100],
        good[..good.len() - 1].to_vec(),
        [&good[..], &[0]].concat(),
        good[1..].to_vec(),
    ] {
        assert_eq!(refusal(&trustee.post(bad).await), malformed);
    }
    // Every part but the proofs, in which a signature line of nobody known is noise that changes
    // nothing.
    for part in 0..6 {
        for at in 0..4 {
            let mut package = case.package.clone();
            let bytes = match part {
                0 => &mut package.leaf,
                1 => &mut package.release_key,
                2 => &mut package.enrollment,
                3 => &mut package.policy.policy,
                4 => &mut package.notices[0],
                _ => &mut package.opens[1],
            };
            let at = at * (bytes.len() - 1) / 3;
            bytes[at] ^= 0x55;
            refusal(&trustee.post(package.encode()).await);
        }
    }
    assert_eq!(world.leaves::<Grant>().await.len(), 0);
    // Announced too large: refused before a byte of it is read.
    let address = trustee.url.strip_prefix("http://").unwrap();
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let head =
        format!("POST /package HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", ENVELOPE_MAX_BYTES + 1);
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");
    // And the good one still passes.
    assert_eq!(trustee.post(good).await.status, 200);
    trustee.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn slow_packages_keep_out_no_honest_emergency() {
    const SLOW: usize = 64;
    let world = World::new(Approval::Automatic).await;
    let trustee = world.start().await;
    let camera = Camera::film(&world, &trustee, Dealing::Well).await;
    let case = camera.request(&world, Kind::Emergency).await;
    let address = trustee.url.strip_prefix("http://").unwrap().to_owned();
    // Each promises a package and sends a byte a second; one that is cut off comes again.
    let begun = Arc::new(AtomicUsize::new(0));
    let slow: Vec<_> = (0..SLOW)
        .map(|_| {
            let (address, begun) = (address.clone(), begun.clone());
            tokio::spawn(async move {
                loop {
                    let mut socket = tokio::net::TcpStream::connect(&address).await.unwrap();
                    let head = b"POST /package HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n";
                    socket.write_all(head).await.unwrap();
                    begun.fetch_add(1, Ordering::Relaxed);
                    while socket.write_all(b"0").await.is_ok() {
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
            })
        })
        .collect();
    until("all of them send", async || (begun.load(Ordering::Relaxed) >= SLOW).then_some(())).await;
    let asked = Instant::now();
    let granted = trustee.post(case.body()).await;
    open(&world, &granted, case.logged(), &case.release_key);
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    // They are cut off, and come again, and it stays so.
    until("they are cut off", async || (begun.load(Ordering::Relaxed) >= 2 * SLOW).then_some(())).await;
    assert_eq!(trustee.post(vec![1]).await.status, 400);
    slow.iter().for_each(tokio::task::JoinHandle::abort);
    trustee.stop().await;
}

/// The details key and the court's order travelled open to whoever ends TLS before the trustee.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_package_in_an_envelope_is_judged_as_an_open_one_is_and_by_the_trustee_alone() {
    let world = World::new(Approval::Automatic).await;
    let trustee = world.start().await;
    let camera = Camera::film(&world, &trustee, Dealing::Well).await;
    let case = camera.request(&world, Kind::Legal).await;
    let today = media::time::Seconds(host::clock::now()).day();
    let key = day_key(&world, &trustee, today).await;
    let own = TrusteeId::of(&tlog::note::Verifier::parse(&world.created.vkey).unwrap());
    let mut rng = host::rng::Rng::system();
    let mut seal =
        |id: &TrusteeId, key: &DayKey, body: &[u8]| envelope::seal(body, id, key, &mut rng).unwrap();
    let malformed = (400, "g1".to_owned(), "package-malformed".to_owned());
    let good = seal(&own, &key, &case.body());
    let mut altered = good.clone();
    *altered.last_mut().unwrap() ^= 1;
    let for_another = seal(&TrusteeId([1; 32]), &key, &case.body());
    for bad in [altered, for_another, seal(&own, &key, b"no package"), good[..good.len() - 1].to_vec()] {
        assert_eq!(refusal(&trustee.post(bad).await), malformed);
    }
    // What is wrong with a package in one is said by its name.
    let unlogged = camera.ask(Kind::Legal).body();
    let refused = refusal(&trustee.post(seal(&own, &key, &unlogged)).await);
    assert_eq!(refused, (403, "g2".to_owned(), "not-logged".to_owned()));
    let gone = DayKey { public: seal::hpke::SecretKey::new([9; 32]).public(), ..key.clone() };
    let no_key = failure(&trustee.post(seal(&own, &gone, &case.body())).await);
    assert_eq!(no_key, (404, "no-day-key".to_owned()));
    assert_eq!(world.leaves::<Grant>().await.len(), 0);

    let granted = trustee.post(good).await;
    open(&world, &granted, case.logged(), &case.release_key);
    assert_eq!(trustee.post(case.body()).await.body, granted.body, "the same bytes, however it is asked");
    trustee.stop().await;
}
