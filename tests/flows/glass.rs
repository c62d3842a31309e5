//! From glass to glass: two RTSP cameras that draw the time into their pictures, a relay between,
//! the owner's page in a browser, which reads it back. What is on the screen is what was filmed
//! then: live, after a seek, in an export. Latencies are measured and kept as `target/glass.json`,
//! pictures of the page as `target/glass-*.png`.

use camera::Transport;
use serde_json::{Value, json};
use world::browser::Browser;
use world::filming::Filming;
use world::rtsp::RtspServer;
use world::wall_clock::{self, Followed};
use world::{Stage, until};

/// The cameras send a key frame each second, which begins a segment.
const SEGMENT_MS: u64 = 1_000;
/// From the drawing of a picture until the camera stamps it: encoding, RTSP, a fragment. On a
/// loaded machine; usually a tenth of it.
const STAMPED_MS: u64 = 1_000;
/// Looks at a page that is to show a moment, three a second.
const TRIES: usize = 300;
/// Live pictures of each camera that are measured.
const PICTURES: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn the_time_drawn_into_the_pictures_is_right_live_after_a_seek_and_in_an_export() {
    let stage = Stage::set(0).await;
    let server = RtspServer::start().await;
    let mut cameras = Vec::new();
    for mount in wall_clock::MOUNTS {
        cameras.push(Filming::begin(&stage, mount, server.source(mount, Transport::Tcp)).await);
    }
    for camera in &cameras {
        camera.acked(2).await;
    }
    let begun_us = host::clock::now_us();
    let owner = stage.cast.people.owner.clone();
    let app = owner::app::start(owner, None, stage.shutdown.child()).await.unwrap();
    let browser = Browser::start().await;
    browser.go(&app.at().url).await;
    live_is_live(&browser).await;
    browser.picture("glass-grid").await;

    stage.stored_until(begun_us + 20_000_000).await;
    browser.click(&format!("a[href='#/camera/{}']", cameras[0].id)).await;
    browser.until("one camera large", "document.querySelectorAll('video').length === 1").await;
    until("a live picture", async || wall_clock::shown_ms(&browser).await.is_some()).await;
    browser.press(" ").await;
    browser.until("paused", "document.querySelector('video').paused").await;
    a_dragged_playhead_lands(&browser, begun_us / 1000 + 12_000).await;
    let moment = the_keys_land(&browser).await;
    browser.picture("glass-seek").await;
    an_export_begins_where_it_was_asked_to(&browser, moment).await;

    assert_eq!(browser.complaints().await, Vec::<String>::new());
    drop(browser);
    app.stop_and_join().await.unwrap();
    for camera in cameras {
        camera.stop().await;
    }
    stage.strike().await;
}

/// Both pictures go on, in order, and are of now; how much later than drawn they are shown is kept.
async fn live_is_live(browser: &Browser) {
    browser
        .until(
            "pictures",
            "[...document.querySelectorAll('video')].filter((video) => video.readyState >= 2).length === 2",
        )
        .await;
    wall_clock::follow(browser).await;
    until("pictures of both cameras", async || {
        let followed = wall_clock::followed(browser).await;
        followed.len() == 2 && followed.iter().all(|seen| seen.pictures.len() >= PICTURES)
    })
    .await;
    let followed = wall_clock::followed(browser).await;
    let told: Vec<Value> = followed.iter().map(told).collect();
    let told = serde_json::to_string_pretty(&json!({ "glass_to_glass": told })).unwrap();
    world::keep("glass.json", told.as_bytes());
    for seen in followed {
        assert_eq!(seen.unreadable, 0, "pictures whose cells do not add up");
        let drawn: Vec<i64> = seen.pictures.iter().map(|picture| picture.drawn).collect();
        assert!(drawn.is_sorted(), "the time went backwards: {drawn:?}");
        assert!(drawn[drawn.len() - 1] - drawn[0] > 3_000, "the time stood still: {drawn:?}");
        let latencies: Vec<i64> = seen.pictures.iter().map(|picture| picture.latency_ms()).collect();
        assert!(latencies.iter().all(|ms| (0..60_000).contains(ms)), "{latencies:?}");
    }
}

fn told(seen: &Followed) -> Value {
    let mut latencies: Vec<i64> = seen.pictures.iter().map(|picture| picture.latency_ms()).collect();
    latencies.sort_unstable();
    let at = |permille: usize| latencies[(latencies.len() - 1) * permille / 1000];
    json!({
        "pictures": latencies.len(),
        "latency_ms_least": at(0),
        "latency_ms_p50": at(500),
        "latency_ms_p99": at(990),
        "latency_ms_most": at(1000),
        "stood_still": seen.waits,
    })
}

/// What the page says is shown, Unix milliseconds.
async fn said_ms(browser: &Browser) -> u64 {
    let us = browser.run("return Number(document.querySelector('.clock').dataset.us)").await;
    us.as_u64().unwrap_or_else(|| panic!("no time is shown: {us}")) / 1000
}

/// Waits until the picture of `asked_ms` is shown, and the page says the same; returns the time
/// drawn into it.
async fn lands(browser: &Browser, what: &str, asked_ms: u64) -> u64 {
    let near = |ms: u64| ms.abs_diff(asked_ms) <= SEGMENT_MS + STAMPED_MS;
    let mut seen = (None, 0);
    for _ in 0..TRIES {
        seen = (wall_clock::shown_ms(browser).await, said_ms(browser).await);
        if seen.0.is_some_and(near) && near(seen.1) {
            break;
        }
        browser.breathe().await;
    }
    let (drawn, said) = seen;
    assert!(drawn.is_some_and(near) && near(said), "{what}: {drawn:?} and {said} for {asked_ms}");
    drawn.unwrap()
}

/// Drags the playhead to about `wanted_ms`; the picture is of the moment at which it was let go.
async fn a_dragged_playhead_lands(browser: &Browser, wanted_ms: u64) {
    // The line moves on with the clock: what a place on it means is asked when the pointer is let
    // go.
    let place = format!(
        "const slider = document.querySelector('.slider');
         const edge = (name) => slider.getAttribute('aria-value' + name) * 1000;
         const meaning = (x) => {{
             const {{ left, width }} = slider.getBoundingClientRect();
             return edge('min') + ((x - left) / width) * (edge('max') - edge('min'));
         }};
         addEventListener('pointerup', (event) => (window.asked = Math.round(meaning(event.clientX))), {{ capture: true, once: true }});
         const share = ({wanted_ms} - edge('min')) / (edge('max') - edge('min'));
         return Math.round((share - 0.5) * slider.getBoundingClientRect().width);"
    );
    let place = browser.run(&place).await.as_i64().unwrap();
    browser.drag(".slider", place - 60, 60).await;
    let asked = browser.run("return window.asked").await.as_u64().unwrap();
    lands(browser, "the dragged playhead", asked).await;
}

/// Steps by the keys, whose length is exact; returns the time drawn into the last picture.
async fn the_keys_land(browser: &Browser) -> u64 {
    let from = said_ms(browser).await;
    // The left arrow.
    browser.press("\u{E012}").await;
    let drawn = lands(browser, "a step back", from - 5_000).await;
    let said = said_ms(browser).await;
    assert!(said.abs_diff(drawn) <= STAMPED_MS, "the page says {said}, the picture {drawn}");
    drawn
}

/// Marks from the picture in sight to five seconds later, exports, and reads the first picture of
/// the file.
async fn an_export_begins_where_it_was_asked_to(browser: &Browser, from_ms: u64) {
    browser.press("i").await;
    let to = said_ms(browser).await + 5_000;
    // The right arrow.
    browser.press("\u{E014}").await;
    let to_ms = lands(browser, "a step on", to).await;
    browser.press("o").await;
    browser.until("both marks", "!document.querySelector('button.main').disabled").await;
    browser.press("e").await;
    browser.until("the export", "document.querySelector('.files li')").await;
    let clip = browser.downloaded("mp4").await;
    browser.picture("glass-export").await;
    let drawn = wall_clock::drawn_ms(&clip).await;
    assert!(drawn.is_sorted(), "the clip goes backwards: {drawn:?}");
    let (first, last) = (drawn[0], drawn[drawn.len() - 1]);
    // It is cut at key frames: it holds the marked pictures, and at most a segment more on either
    // side.
    let before = SEGMENT_MS + STAMPED_MS;
    assert!(first <= from_ms && from_ms - first <= before, "asked for {from_ms}, begins with {first}");
    assert!(last + STAMPED_MS >= to_ms && last <= to_ms + before, "asked to {to_ms}, ends with {last}");
}
