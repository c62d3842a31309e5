//! The owner's page in Firefox: whatever else it can do, live pictures move, and a moment of the
//! past is shown and played.

use super::app::{PICTURES, has_moved};
use serde_json::json;
use world::firefox::Firefox;
use world::{Stage, until};

#[tokio::test(flavor = "multi_thread")]
async fn live_pictures_move_in_firefox_and_so_does_the_past() {
    let stage = Stage::set(2).await;
    let begun_us = host::clock::now_us();
    let app = owner::app::start(stage.cast.people.owner.clone(), None, stage.shutdown.child()).await.unwrap();
    let firefox = Firefox::start().await;
    firefox.go(&app.at().url).await;
    pictures_move(&firefox, 2).await;
    firefox.picture("app-firefox").await;
    // The keyboard goes from camera to camera, and does not stop at their pictures.
    firefox.run("document.querySelector('.grid a').focus()").await;
    firefox.press("\u{E004}").await;
    let here = "return [...document.querySelectorAll('.grid a')].indexOf(document.activeElement)";
    assert_eq!(firefox.run(here).await, json!(1));

    let id = stage.cast.video.cameras[0].id.to_string();
    firefox.go(&format!("{}#/camera/{id}", app.at().url)).await;
    pictures_move(&firefox, 1).await;
    firefox.press(" ").await;
    firefox.until("paused", "document.querySelector('video').paused").await;
    // The left arrow goes five seconds back: so many are there.
    stage.stored_until(begun_us + 10_000_000).await;
    firefox.press("\u{E012}").await;
    firefox.until("the past", "/ ago$/.test(document.querySelector('.clock').textContent)").await;
    firefox.press(" ").await;
    pictures_move(&firefox, 1).await;
    firefox.picture("app-firefox-past").await;
    let notes = "return [...document.querySelectorAll('.note')].filter((note) => note.dataset.kind === 'fault').length";
    assert_eq!(firefox.run(notes).await, json!(0));
    drop(firefox);
    app.stop_and_join().await.unwrap();
    stage.strike().await;
}

/// Every picture is there, and becomes another one while its time goes on.
async fn pictures_move(firefox: &Firefox, count: usize) {
    let there =
        "[...document.querySelectorAll('video')].filter((it) => it.readyState >= 2 && it.currentTime > 0)";
    firefox.until("pictures", &format!("{there}.length === {count}")).await;
    let before = firefox.run(PICTURES).await;
    for at in 0..count {
        until("the picture moves", async || has_moved(&before[at], &firefox.run(PICTURES).await[at])).await;
    }
}
