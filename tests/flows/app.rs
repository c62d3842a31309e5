//! The owner's page in a real browser, against a whole cast: live pictures move, a seek lands, a
//! release stands on the timeline, an export is downloaded and plays. Pictures of what it looked
//! like are kept as `target/app-*.png`.

use super::legible::legible;
use host::running::Running;
use media::epoch::GapReason;
use owner::app::{AppError, At};
use requester::request::Kind;
use serde_json::{Value, json};
use stage::by_hand;
use std::path::Path;
use tokio::process::Command;
use world::browser::Browser;
use world::{Filmed, Stage, until};

/// The prepared films have a key frame at least this often: no segment is longer.
const SEGMENT_US: u64 = 2_000_000;

/// A fingerprint of each picture, and how far it has come.
pub(super) const PICTURES: &str = "
    return [...document.querySelectorAll('video')].map((video) => {
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [64, 36];
        const context = canvas.getContext('2d');
        context.drawImage(video, 0, 0, 64, 36);
        const pixels = context.getImageData(0, 0, 64, 36).data;
        let print = 0;
        let bright = 0;
        for (let at = 0; at < pixels.length; at += 4) {
            print = (print * 31 + pixels[at] * 3 + pixels[at + 1] * 5 + pixels[at + 2]) % 1000000007;
            bright = Math.max(bright, pixels[at]);
        }
        return { print, bright, time: video.currentTime, width: video.videoWidth };
    })";

/// A cast with two cameras and an emergency on record, and its owner's page.
async fn set() -> (Stage, Filmed, Running<At, AppError>) {
    let stage = Stage::set(2).await;
    let filmed = stage.filmed(2).await;
    stage.collected("request", &stage.ask(0, Kind::Emergency, filmed)).await;
    let app = owner::app::start(stage.cast.people.owner.clone(), None, stage.shutdown.child()).await.unwrap();
    (stage, filmed, app)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owners_page_shows_live_and_past_and_every_release_and_exports() {
    let (mut stage, filmed, app) = set().await;
    let browser = Browser::start().await;
    browser.go(&app.at().url).await;

    live_pictures_move(&browser, 2).await;
    browser.until("both say that they film", &pills("pill.textContent === 'filming'")).await;
    browser.until("the proof", "/^log head \\d+, [34] of 4 witnesses, \\d+ s ago$/.test(document.getElementById('proof-text').textContent)").await;
    browser
        .until(
            "the alert names the release",
            "document.getElementById('alert').textContent.includes('not yours')",
        )
        .await;
    browser.picture("app-grid").await;
    legible(&browser, "grid").await;

    // The camera of the emergency.
    let id = stage.cast.video.cameras[0].id.to_string();
    browser.click(&format!("a[href='#/camera/{id}']")).await;
    browser.until("one camera large", "document.querySelectorAll('video').length === 1").await;
    live_pictures_move(&browser, 1).await;
    browser.until("the release on the timeline", "document.querySelector('.flag')").await;
    browser.picture("app-live").await;

    seeks_land(&browser, filmed).await;
    the_release_is_told(&browser, filmed).await;
    browser.until("a picture", "document.querySelector('video').readyState >= 2").await;
    browser.picture("app-release").await;
    an_export_plays(&browser, filmed, &stage).await;

    // Live again, by the keyboard.
    browser.press("l").await;
    browser.until("live", "document.querySelector('.clock').textContent.startsWith('live')").await;
    live_pictures_move(&browser, 1).await;
    legible(&browser, "camera").await;

    browser.click("#to-audit").await;
    browser.until("the audit", "document.querySelector('tr.foreign')").await;
    let row = browser.run("return document.querySelector('tr.foreign').textContent").await;
    for told in ["emergency", "police.example", "RELEASED", "NO", "danger-of-death"] {
        assert!(row.as_str().unwrap().contains(told), "{told} is not in {row}");
    }
    browser.picture("app-audit").await;
    legible(&browser, "audit").await;
    on_a_phone(&browser, &app.at().url, &id).await;

    without_its_codec_a_browser_is_told_what_to_do(&browser, &app.at().url).await;

    let elsewhere = "return performance.getEntriesByType('resource').map((entry) => entry.name).filter((name) => !name.startsWith(location.origin))";
    assert_eq!(browser.run(elsewhere).await, json!([]), "the page asked somebody else");
    assert_eq!(browser.complaints().await, Vec::<String>::new());

    a_camera_that_films_nothing_is_red(&browser, &mut stage).await;
    // What is not of now is not green.
    stage.cast.video.relay.stop().await.unwrap();
    let red = |who: &str| {
        pills(&format!(
            "pill.dataset.kind === 'bad' && pill.textContent.startsWith('the {who} is away since ')"
        ))
    };
    browser.until("the relay is away", &red("relay")).await;
    app.stop_and_join().await.unwrap();
    browser.until("the app is away", &red("app")).await;
    browser.picture("app-away").await;
    drop(browser);
    stage.strike().await;
}

/// A camera that is connected, and whose password is refused.
async fn a_camera_that_films_nothing_is_red(browser: &Browser, stage: &mut Stage) {
    browser.click(".brand").await;
    browser.until("none is red", &pills("pill.dataset.kind !== 'bad'")).await;
    let url = format!("rtsp://door:s3cret@{}/", stage::refusing::start().await).parse().unwrap();
    let source = camera::Stream::new(url, camera::Transport::Tcp, None, None).unwrap();
    let part = &mut stage.cast.video.cameras[0].part;
    part.stop().await.unwrap();
    part.config.source = camera::SourceConfig::Stream(source);
    let started = camera::start(part.config.clone(), stage.shutdown.child()).await.unwrap();
    part.resume(started);
    let reason = "[...document.querySelectorAll('.card .detail')].some((detail) => /^no picture for .*: the camera refuses the user or the password/.test(detail.textContent))";
    browser.until("the reason", reason).await;
    let red = "document.querySelectorAll(\".card .pill[data-kind='bad']\").length === 1";
    browser.until("it is red, and the other one is not", red).await;
    browser.picture("app-no-picture").await;
    legible(browser, "grid").await;
}

/// Whether both cameras' tiles are so.
fn pills(is_so: &str) -> String {
    format!(
        "(() => {{ const all = [...document.querySelectorAll('.card .pill')]; return all.length === 2 && all.every((pill) => {is_so}); }})()"
    )
}

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
        camera.motion.permille = match at {
            9 | 10 => 450,
            18 => 60,
            _ => 0,
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
    the_picture_takes_the_screen_and_has_a_volume(&browser).await;
    keys_and_sharing_are_told(&browser).await;
    a_phone_fetches_no_small_picture(&browser, &format!("{}#/camera/{}", app.at().url, camera.id)).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    drop(browser);
    app.stop_and_join().await.unwrap();
    stage.strike().await;
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
    // The recording ends with its last second, 6 s before the end of its epoch, and the gap stands
    // from there.
    assert_eq!(bars(browser, "gap").await, [(24, 54)]);
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

/// Where a moment is on the line: pixels right of its middle.
async fn place(browser: &Browser, us: u64) -> i64 {
    let script = format!(
        "const slider = document.querySelector('.slider');
         const [from, to] = ['min', 'max'].map((edge) => slider.getAttribute('aria-value' + edge) * 1e6);
         return Math.round((({us} - from) / (to - from) - 0.5) * slider.getBoundingClientRect().width);"
    );
    browser.run(&script).await.as_i64().unwrap()
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

/// Every picture is there, and becomes another one while its time goes on.
async fn live_pictures_move(browser: &Browser, count: usize) {
    browser
        .until(
            "pictures",
            &format!("[...document.querySelectorAll('video')].filter((video) => video.readyState >= 2 && video.currentTime > 0).length === {count}"),
        )
        .await;
    let before = browser.run(PICTURES).await;
    for at in 0..count {
        until("the picture moves", async || has_moved(&before[at], &browser.run(PICTURES).await[at])).await;
    }
}

/// Whether one of [`PICTURES`] shows something, and not what it showed half a second before.
pub(super) fn has_moved(was: &Value, is: &Value) -> bool {
    is["bright"].as_u64() > Some(40)
        && is["print"] != was["print"]
        && is["time"].as_f64() > was["time"].as_f64().map(|time| time + 0.5)
}

/// The capture time of the picture, Unix microseconds.
async fn shown_us(browser: &Browser) -> u64 {
    let us: Value = browser.run("return Number(document.querySelector('.clock').dataset.us)").await;
    us.as_u64().unwrap_or_else(|| panic!("no time is shown: {us}"))
}

/// Dragging the playhead, and the keys, show the moment that was asked for, within one segment.
async fn seeks_land(browser: &Browser, filmed: Filmed) {
    let target_us = filmed.from_us + 5_000_000;
    browser.press(" ").await;
    browser.until("paused", "document.querySelector('video').paused").await;
    let place = place(browser, target_us).await;
    browser.drag(".slider", place + 60, -60).await;
    // A pixel of the ten minutes in sight is about half a second, and the line moves on with the
    // clock.
    until("the seek", async || shown_us(browser).await.abs_diff(target_us) <= SEGMENT_US + 3_000_000).await;
    browser.until("a picture", "document.querySelector('video').readyState >= 2").await;
    let landed_us = shown_us(browser).await;
    browser.press("\u{E014}").await;
    let after_us = landed_us + 5_000_000;
    until("the step", async || shown_us(browser).await.abs_diff(after_us) <= SEGMENT_US).await;
    browser.press(" ").await;
    until("it plays on", async || shown_us(browser).await > after_us + 1_500_000).await;
}

async fn the_release_is_told(browser: &Browser, filmed: Filmed) {
    browser.click(".flag").await;
    browser.until("the release", "!document.querySelector('.released').hidden").await;
    let told = browser.run("return document.querySelector('.released').textContent").await;
    for word in
        ["emergency by police.example", "RELEASED", "danger-of-death", "a head that your device verified"]
    {
        assert!(told.as_str().unwrap().contains(word), "{word} is not in {told}");
    }
    // Choosing it goes there.
    until("the seek", async || {
        let us = shown_us(browser).await;
        us + SEGMENT_US >= filmed.from_us && us < filmed.to_us
    })
    .await;
}

async fn an_export_plays(browser: &Browser, filmed: Filmed, stage: &Stage) {
    let until_shown = async |us: u64| {
        until("the moment", async || shown_us(browser).await >= us).await;
    };
    until_shown(filmed.from_us + 500_000).await;
    browser.press("i").await;
    browser.press("\u{E014}").await;
    until_shown(filmed.from_us + 5_500_000).await;
    browser.press("o").await;
    browser.until("both marks", "!document.querySelector('button.main').disabled").await;
    browser.click("button.main").await;
    browser.until("the export", "document.querySelector('.files li')").await;
    let clip = browser.downloaded("mp4").await;
    browser.picture("app-export").await;
    let codec = ffprobe(&clip, &["-select_streams", "v", "-show_entries", "stream=codec_name"]).await;
    assert_eq!(codec, "h264");
    let seconds: f64 = ffprobe(&clip, &["-show_entries", "format=duration"]).await.parse().unwrap();
    assert!((4.0..=12.0).contains(&seconds), "{seconds} s");
    let mut decoding = Command::new("ffmpeg");
    decoding.args(["-nostdin", "-v", "warning", "-xerror", "-i"]).arg(&clip).args(["-f", "null", "-"]);
    let decoded = decoding.output().await.unwrap();
    assert!(
        decoded.status.success() && decoded.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&decoded.stderr)
    );
    // Nothing of it stays beside the keys.
    let keybook = &stage.cast.people.owner_config.keybook;
    let left = std::fs::read_dir(keybook).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with("export-")).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// As narrow as a phone, in the dark: nothing is wider than the screen.
async fn on_a_phone(browser: &Browser, url: &str, id: &str) {
    let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
    let phone = json!({ "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true });
    browser.devtools("Emulation.setDeviceMetricsOverride", phone).await;
    for (name, view) in [("app-phone-audit", "audit".to_owned()), ("app-phone", format!("camera/{id}"))] {
        browser.devtools("Emulation.setEmulatedMedia", dark.clone()).await;
        browser.go(&format!("{url}#/{view}")).await;
        browser.until("the view", "document.querySelector('tr.foreign, .flag')").await;
        if name == "app-phone" {
            live_pictures_move(browser, 1).await;
        }
        let wide = browser.run("return document.documentElement.scrollWidth - innerWidth").await;
        assert!(wide.as_i64() <= Some(0), "{name}: {wide} pixels wider than the screen");
        browser.breathe().await;
        browser.picture(name).await;
        legible(browser, name).await;
    }
}

/// What a browser does that cannot decode the camera's video.
async fn without_its_codec_a_browser_is_told_what_to_do(browser: &Browser, url: &str) {
    let refuses = json!({ "source": "MediaSource.isTypeSupported = () => false" });
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", refuses).await;
    browser.go("about:blank").await;
    browser.go(url).await;
    let told = "[...document.querySelectorAll('.note')].filter((note) => !note.hidden && note.textContent.startsWith('This browser cannot show')).length === 2";
    browser.until("a sentence in each picture", told).await;
}

async fn ffprobe(file: &Path, show: &[&str]) -> String {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "csv=p=0"])
        .args(show)
        .arg(file)
        .output()
        .await
        .unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().trim_end_matches(',').to_owned()
}
