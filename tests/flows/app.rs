//! The owner's page in a real browser, against a whole cast: live pictures move, a seek lands, a
//! release stands on the timeline, an export is downloaded and plays. Pictures of what it looked
//! like are kept as `target/app-*.png`.

mod past;

use super::legible::legible;
use host::running::Running;
use owner::app::{AppError, At};
use requester::request::Kind;
use serde_json::{Value, json};
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

/// Where a moment is on the line: pixels right of its middle.
async fn place(browser: &Browser, us: u64) -> i64 {
    let script = format!(
        "const slider = document.querySelector('.slider');
         const [from, to] = ['min', 'max'].map((edge) => slider.getAttribute('aria-value' + edge) * 1e6);
         return Math.round((({us} - from) / (to - from) - 0.5) * slider.getBoundingClientRect().width);"
    );
    browser.run(&script).await.as_i64().unwrap()
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
