//! The past on the owner's page: events, small pictures, a date and a day, zones that are ignored; on a
//! phone as well.

use super::{SEGMENT_US, place, shown_us};
use crate::flows::legible::legible;
use media::epoch::GapReason;
use media::motion::{Cells, Motion};
use serde_json::json;
use stage::by_hand;
use world::browser::Browser;
use world::{Stage, until};

/// What a canvas shows, if it shows anything.
const SMALL: &str = "(() => {
        const canvas = document.querySelector('.tip canvas');
        if (canvas.hidden || canvas.width < 100) return undefined;
        return canvas.toDataURL();
    })()";

/// A camera that films when it is told to, and its owner.
async fn by_hand(stage: &Stage, name: &str, key: u8) -> (owner::Owner, by_hand::Camera) {
    let mut config = stage.cast.people.owner_config.clone();
    config.escrow = None;
    let owner = owner::Owner::open(config).unwrap();
    let invitation = owner::pair::invite(&owner, name).await.unwrap();
    let url = invitation.url().to_owned();
    let mut on = |_| {};
    let (mut camera, paired) = tokio::join!(by_hand::Camera::pair(&url, key), invitation.wait(&mut on));
    paired.unwrap();
    camera.publish().await;
    (owner, camera)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_to_before_the_first_picture_shows_that_one_and_says_so() {
    let stage = Stage::set(0).await;
    let (owner, mut camera) = by_hand(&stage, "young", 78).await;
    for _ in 0..3 {
        camera.film().await;
    }
    let app = owner::app::start(owner, None, stage.shutdown.child()).await.unwrap();
    let browser = Browser::start().await;
    // For the page it is half a second after these three, however long it takes to open.
    let now_ms = camera.next_us() / 1000 + 500;
    let stands = json!({ "source": format!("Date.now = () => {now_ms}") });
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", stands).await;
    browser.go(&format!("{}#/camera/{}", app.at().url, camera.id)).await;
    browser.until("what was recorded", "document.querySelectorAll('.bars .recorded').length === 1").await;
    browser.until("a live picture", "document.querySelector('.clock').textContent.startsWith('live')").await;
    browser.press(" ").await;
    // The left arrow, twice: five seconds back, and again.
    for _ in 0..2 {
        browser.press("\u{E012}").await;
        browser.until("the past", "/ ago$/.test(document.querySelector('.clock').textContent)").await;
        until("the first picture", async || {
            shown_us(&browser).await.abs_diff(camera.began_us) <= SEGMENT_US / 2
        })
        .await;
        browser.until("a picture", "document.querySelector('video').readyState >= 2").await;
        browser.said("it is said", "The earliest picture in sight is of").await;
    }
    browser.picture("app-earliest").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    drop(browser);
    app.stop_and_join().await.unwrap();
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_stand_on_the_timeline_are_jumped_between_and_seen_small_before_they_are_played() {
    let stage = Stage::set(1).await;
    // One more camera, whose seconds say what moved two seconds before: in the eighth and ninth,
    // and in the seventeenth.
    let (owner, mut camera) = by_hand(&stage, "gate", 77).await;
    // Long enough ago for a pause behind them.
    camera.began_us -= 60 * by_hand::SEGMENT_US;
    for at in 0..24 {
        camera.motion = match at {
            9 | 10 => Motion {
                permille: 450,
                cells: GATE.iter().fold(Cells::NONE, |cells, at| cells.with(*at, 4)),
                ..Motion::default()
            },
            18 => Motion {
                permille: 60,
                cells: Cells::NONE.with(12, 0).with(13, 0).with(14, 0),
                ..Motion::default()
            },
            _ => Motion::default(),
        };
        camera.waiting = if at == 23 { 7 } else { 0 };
        camera.film().await;
    }
    camera.rest(30 * by_hand::SEGMENT_US, GapReason::Privacy);
    camera.film().await;

    let app = owner::app::start(owner, None, stage.shutdown.child()).await.unwrap();
    let browser = Browser::start().await;
    browser.go(&format!("{}#/camera/{}", app.at().url, camera.id)).await;
    the_line_shows_what_moved(&browser, camera.began_us).await;
    jumps_lead_to_events(&browser, camera.began_us).await;
    a_small_picture_is_seen(&browser, camera.began_us).await;
    a_date_and_a_day_lead_there(&browser, camera.began_us).await;
    zones_that_are_painted_hold_no_events(&browser).await;
    the_picture_takes_the_screen_and_has_a_volume(&browser).await;
    keys_and_sharing_are_told(&browser).await;
    a_phone_fetches_no_small_picture(&browser, &format!("{}#/camera/{}", app.at().url, camera.id)).await;
    a_finger_paints_zones(&browser).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    drop(browser);
    app.stop_and_join().await.unwrap();
    stage.strike().await;
}

/// In these columns of the fifth row the first event is.
const GATE: [usize; 3] = [1, 2, 3];

async fn moved(browser: &Browser, count: usize) {
    let bars = format!("document.querySelectorAll('.bars .moved').length === {count}");
    browser.until(&format!("events: {count}"), &bars).await;
}

/// How many cells are painted.
async fn painted(browser: &Browser, count: usize) {
    let cells = format!("document.querySelectorAll(\".zones [aria-selected='true']\").length === {count}");
    browser.until(&format!("painted cells: {count}"), &cells).await;
}

const ZONES: &str = "button[aria-label^='Zones of the picture']";
const FIRST: &str = ".zones [aria-label='column 2, row 5']";

/// As wide as the way over those cells.
async fn stroke(browser: &Browser) -> i64 {
    let cell =
        format!("return Math.round(2 * document.querySelector(\"{FIRST}\").getBoundingClientRect().width)");
    browser.run(&cell).await.as_i64().unwrap()
}

async fn zones_that_are_painted_hold_no_events(browser: &Browser) {
    moved(browser, 2).await;
    browser.click(ZONES).await;
    browser.until("the cells", "!document.querySelector('.zones').hidden").await;
    let over = "(() => {
        const [video, zones] = ['video', '.zones'].map((css) => document.querySelector(css).getBoundingClientRect());
        return Math.abs(zones.height - video.height) <= 2 && Math.abs(zones.width / zones.height - video_ratio()) < 0.05;
        function video_ratio() { const { videoWidth, videoHeight } = document.querySelector('video'); return videoWidth / videoHeight; }
    })()";
    browser.until("they lie over the picture", over).await;
    // With the mouse.
    browser.drag(FIRST, 0, stroke(browser).await).await;
    painted(browser, 3).await;
    browser.picture("app-zones").await;
    // The past is read anew at once.
    moved(browser, 1).await;
    // With the keyboard, from where the stroke began: wiped, one after the other.
    for key in [" ", "\u{E014}", " ", "\u{E014}", " "] {
        browser.press(key).await;
    }
    painted(browser, 0).await;
    moved(browser, 2).await;
    browser.drag(FIRST, 0, stroke(browser).await).await;
    moved(browser, 1).await;
    browser.click("button[aria-label='Ignore nothing']").await;
    moved(browser, 2).await;
    browser.click("button[aria-label='End painting']").await;
    browser.until("they are gone", "document.querySelector('.zones').hidden").await;
}

async fn a_finger_paints_zones(browser: &Browser) {
    browser.click(ZONES).await;
    browser.until("the cells", "!document.querySelector('.zones').hidden").await;
    painted(browser, 0).await;
    browser.swipe(FIRST, 0, stroke(browser).await).await;
    painted(browser, 3).await;
    moved(browser, 1).await;
    browser.picture("app-phone-zones").await;
    let wide = browser.run("return document.documentElement.scrollWidth - innerWidth").await;
    assert!(wide.as_i64() <= Some(0), "{wide} pixels wider than the screen");
}

async fn the_line_shows_what_moved(browser: &Browser, began_us: u64) {
    let at = |second: u64| began_us + second * by_hand::SEGMENT_US;
    browser.until("both events", "document.querySelectorAll('.bars .moved').length === 2").await;
    browser
        .until(
            "what waits",
            "document.querySelector('.title .detail').textContent.includes('7 segments wait at the camera')",
        )
        .await;
    browser
        .until("a rate", "/ \\d+ kbit\\/s /.test(document.querySelector('.title .detail').textContent)")
        .await;
    // The recording ends with its last second, 6 s before the end of its epoch, and the rest stands
    // from there.
    assert_eq!(bars(browser, "rests").await, [(24, 54)]);
    until("recordings", async || bars(browser, "recorded").await == [(0, 24), (54, 55)]).await;
    browser.hover(".slider", place(browser, at(26)).await).await;
    browser
        .until(
            "why",
            "document.querySelector('.tip').textContent.endsWith('the camera\\'s privacy switch was on')",
        )
        .await;
    let highs =
        "[...document.querySelectorAll('.bars .moved')].map((bar) => bar.getBoundingClientRect().height)";
    let highs = browser.run(&format!("return {highs}")).await;
    assert!(highs[0].as_f64() > highs[1].as_f64(), "more motion stands higher: {highs}");
}

async fn jumps_lead_to_events(browser: &Browser, began_us: u64) {
    let at = |second: u64| began_us + second * by_hand::SEGMENT_US;
    // By key to the last one and to the one before; a second of lead is shown. Paused, so that it
    // stays in sight.
    browser.press(" ").await;
    browser.press("p").await;
    browser.until("a moment", "document.querySelector('.clock').dataset.us > 0").await;
    until("the last event", async || shown_us(browser).await.abs_diff(at(15)) <= SEGMENT_US / 2).await;
    browser.press("p").await;
    until("the first event", async || shown_us(browser).await.abs_diff(at(6)) <= SEGMENT_US / 2).await;
    browser.click("button[aria-label='Next event (N)']").await;
    until("the last event again", async || shown_us(browser).await.abs_diff(at(15)) <= SEGMENT_US / 2).await;
    // The end of the recording, told in the same place, may come between.
    let none = "return document.querySelector('.note').textContent === 'No later event in this window.'";
    until("there is no later one", async || {
        browser.press("n").await;
        browser.run(none).await == json!(true)
    })
    .await;

    // As a list, newest first, each a button that goes there.
    browser.click(".listed summary").await;
    let listed =
        "[...document.querySelectorAll('.events button')].map((button) => button.textContent.slice(8))";
    let listed = browser.run(&format!("return {listed}")).await;
    let told = json!([", 1 s, up to 6 % of the picture moved", ", 2 s, up to 45 % of the picture moved"]);
    assert_eq!(listed, told);
    small_pictures_stand_beside_events(browser, 2).await;
    browser.click(".events li:nth-child(2) button").await;
    until("the first event", async || shown_us(browser).await.abs_diff(at(6)) <= SEGMENT_US / 2).await;
}

/// Each event of the list that is in sight has a picture that is not black.
async fn small_pictures_stand_beside_events(browser: &Browser, count: usize) {
    let drawn = "[...document.querySelectorAll('.events .small')].filter((canvas) => {
        if (canvas.width < 100) return false;
        const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        return pixels.some((value, at) => at % 4 === 0 && value > 40);
    }).length";
    browser.until("a picture of each event", &format!("{drawn} === {count}")).await;
    browser.picture("app-events-listed").await;
    legible(browser, "events").await;
}

async fn a_small_picture_is_seen(browser: &Browser, began_us: u64) {
    let at = |second: u64| began_us + second * by_hand::SEGMENT_US;
    // Under the pointer a small picture of that moment, another one elsewhere, and none where
    // nothing was filmed.
    browser.hover(".slider", place(browser, at(9)).await).await;
    browser.until("a small picture", SMALL).await;
    let first = browser.run(&format!("return {SMALL}")).await;
    browser.picture("app-events").await;
    // The film repeats itself: some other second has another picture.
    let mut second = 12;
    until("another picture", async || {
        second = if second == 20 { 12 } else { second + 1 };
        browser.hover(".slider", place(browser, at(second)).await).await;
        browser.breathe().await;
        let now = browser.run(&format!("return {SMALL}")).await;
        !now.is_null() && now != first
    })
    .await;
    browser.hover(".slider", place(browser, at(0) - 60_000_000).await).await;
    browser.until("no picture", &format!("!{SMALL}")).await;
}

/// Fills the field for a date and a time in, and presses Enter.
async fn wish(browser: &Browser, us: u64) {
    let fill = format!(
        "const at = new Date({us} / 1000);
         const local = new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
         document.querySelector('.wish input').value = local;"
    );
    browser.run(&fill).await;
    browser.press("g").await;
    browser.press("\u{E007}").await;
}

async fn a_date_and_a_day_lead_there(browser: &Browser, began_us: u64) {
    let at = |second: u64| began_us + second * by_hand::SEGMENT_US;
    wish(browser, at(10)).await;
    browser.said("what it found", "This is ").await;
    until("the moment", async || shown_us(browser).await.abs_diff(at(10)) <= SEGMENT_US).await;
    // In the gap, and years before the camera: what was recorded next, and that it is another
    // moment.
    wish(browser, at(30)).await;
    browser.said("that it lies in a gap", "The relay gives nothing of ").await;
    until("what came after it", async || shown_us(browser).await.abs_diff(at(54)) <= SEGMENT_US / 2).await;
    wish(browser, began_us - 90 * 86_400_000_000).await;
    browser.said("that there is nothing of it", "The relay gives nothing of ").await;
    until("the first picture", async || shown_us(browser).await.abs_diff(at(0)) <= SEGMENT_US / 2).await;
    wish(browser, at(54) + 3_600_000_000).await;
    browser.said("no future", " is still to come.").await;

    // The day of it is marked, and leads to its first picture.
    browser.until("a day", "document.querySelector('.days .recorded')").await;
    wish(browser, at(10)).await;
    until("the moment", async || shown_us(browser).await.abs_diff(at(10)) <= SEGMENT_US).await;
    browser.click(".days .recorded").await;
    until("the day's first", async || shown_us(browser).await.abs_diff(at(0)) <= SEGMENT_US / 2).await;
    // Unless midnight came between them.
    let told = "/, recorded, (2 events|1 event|no events), (1 gap|no gaps)$/.test(document.querySelector('.days .recorded').title)";
    browser.until("what the day has", told).await;
    browser.picture("app-day").await;
}

async fn the_picture_takes_the_screen_and_has_a_volume(browser: &Browser) {
    browser.press("f").await;
    browser
        .until("the screen", "document.fullscreenElement?.contains(document.querySelector('video'))")
        .await;
    browser.picture("app-full").await;
    browser.press("f").await;
    browser.until("the page again", "!document.fullscreenElement").await;
    // This film has no sound: nothing is offered to change it. What is offered for one that has, does so.
    browser.until("no volume", "document.querySelector('.volume').hidden").await;
    browser.run("document.querySelector('.volume').hidden = false").await;
    browser.press("m").await;
    browser.until("sound", "!document.querySelector('video').muted").await;
    browser.click(".volume").await;
    browser.until("half as loud", "Math.abs(document.querySelector('video').volume - 0.5) < 0.1").await;
    browser.press("m").await;
    browser.until("silence", "document.querySelector('video').muted").await;
}

async fn keys_and_sharing_are_told(browser: &Browser) {
    browser.press("?").await;
    browser.until("the keys", "document.querySelector('dialog').open").await;
    browser.picture("app-keys").await;
    browser.press("?").await;
    browser.until("the keys are gone", "!document.querySelector('dialog').open").await;
    browser.click("#to-sharing").await;
    browser.until("both policies", "document.querySelectorAll('.policy').length === 2").await;
    let shared = browser.run("return document.querySelector('.policies').textContent").await;
    for told in ["this device, admin", "3 of these 5 together", "Nobody holds shares"] {
        assert!(shared.as_str().unwrap().contains(told), "{told} is not in {shared}");
    }
    browser.picture("app-sharing").await;
    legible(browser, "sharing").await;
}

/// Where bars of a kind stand on the line: seconds from the start of the first recording.
async fn bars(browser: &Browser, kind: &str) -> Vec<(i64, i64)> {
    let script = format!(
        "const first = parseFloat(document.querySelector('.bars .recorded').style.left);
         return [...document.querySelectorAll('.bars .{kind}')].map((bar) => {{
             const [left, width] = [parseFloat(bar.style.left) - first, parseFloat(bar.style.width)];
             return [left, left + width].map((percent) => Math.round(percent * 6));
         }});"
    );
    serde_json::from_value(browser.run(&script).await).unwrap()
}

/// A finger on the line costs nothing but what is then played.
async fn a_phone_fetches_no_small_picture(browser: &Browser, url: &str) {
    let phone = json!({ "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true });
    browser.devtools("Emulation.setDeviceMetricsOverride", phone).await;
    browser.devtools("Emulation.setTouchEmulationEnabled", json!({ "enabled": true })).await;
    browser.go("about:blank").await;
    browser.go(url).await;
    browser.until("both events", "document.querySelectorAll('.bars .moved').length === 2").await;
    let watched = "document.querySelector('.slider').addEventListener('pointermove', (event) => (window.finger = event.pointerType))";
    browser.run(watched).await;
    browser.swipe(".slider", 100, -60).await;
    browser.until("a finger", "window.finger === 'touch'").await;
    let wide = browser.run("return document.documentElement.scrollWidth - innerWidth").await;
    assert!(wide.as_i64() <= Some(0), "{wide} pixels wider than the screen");
    browser.breathe().await;
    browser.picture("app-phone-events").await;
    let asked = "performance.getEntriesByType('resource').filter((entry) => entry.name.includes('api/picture')).length";
    assert_eq!(browser.run(&format!("return {asked}")).await, json!(0));
    // Whoever opens the list sees what moved, one picture an event.
    browser.click(".listed summary").await;
    small_pictures_stand_beside_events(browser, 2).await;
    assert_eq!(browser.run(&format!("return {asked}")).await, json!(2));
    browser.picture("app-phone-events-listed").await;
}
