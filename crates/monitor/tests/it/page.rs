//! The page for people, over a real socket.

use crate::world::{Watcher, World, monitor_config, write_policy};
use escrow::record::Kind;
use host::clock::Clock;
use host::machine::Machine;
use host::shutdown::Shutdown;
use host::start::Start;
use stage::keys::trustee;
use stage::leaves::{ask, founding, grant};
use stage::paper::{History, NOW, Served, Show};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_shows_the_count_and_lets_nothing_else_load() {
    let mut world = World::new().await;
    world.log.start_log().await;
    let mut leaves = founding(NOW);
    world.add(&leaves).await;
    let asked = world.ask(ask(Kind::Emergency, "police.example", leaves.len() as u64, NOW)).await;
    let grants: Vec<_> = (0..3).map(|at| grant(&asked, &trustee(at))).collect();
    world.add(&grants).await;
    leaves.extend([vec![asked.bytes], grants].concat());
    let watcher = Watcher::start(&world.monitor("m1", &[])).await;
    watcher.follows_to(leaves.len() as u64).await;

    let page = raw(&watcher, "/").await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(page.contains("content-security-policy: default-src 'none'; style-src 'self'"));
    assert!(page.contains("<td>emergency</td><td>police.example</td>"));
    assert!(page.contains(&format!("{} records followed", leaves.len())));
    assert!(page.contains("<dt>Witnesses</dt>"));
    for style in ["base.css", "page.css"] {
        assert!(page.contains(&format!("href=\"{style}\"")), "{page}");
        assert!(raw(&watcher, &format!("/{style}")).await.contains("content-type: text/css"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_age_of_the_head_and_the_year_of_the_headline_are_those_of_the_machines_clock() {
    let dir = tempfile::tempdir().unwrap();
    let policy = write_policy(dir.path());
    let log = Served::new(Show::all(&History::of(5, "", 0))).await;
    let config = monitor_config(dir.path(), &policy, "m1", &log.url, &[]);
    let (clock, hand) = Clock::stepped((NOW + 100) * 1_000_000);
    let start = Start::from(Shutdown::new()).with_machine(Machine::with_clock(clock));
    let watcher = Watcher::of(&config, monitor::start(config.clone(), start).await.unwrap());
    watcher.follows_to(5).await;
    let page = raw(&watcher, "/").await;
    assert!(
        page.contains("<dt>Age of the head</dt><dd>100 s</dd>") && page.contains("in 2026</h1>"),
        "{page}"
    );
    hand.step(Duration::from_secs(400 * 86_400));
    let page = raw(&watcher, "/").await;
    let age = format!("<dd>{} s</dd>", 100 + 400 * 86_400);
    assert!(page.contains(&age) && page.contains("in 2027</h1>"), "{page}");
}

/// The whole answer, head and body.
async fn raw(watcher: &Watcher, path: &str) -> String {
    let mut socket = tokio::net::TcpStream::connect(watcher.running.at().http).await.unwrap();
    let ask = format!("GET {path} HTTP/1.1\r\nHost: monitor.example\r\nConnection: close\r\n\r\n");
    socket.write_all(ask.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}
