//! A camera with two pictures of one scene: each comes out whole, the second one's troubles are its
//! own, the page uses it where it helps, and a release of it is counted as what it is.

use super::rtsp::{exported_picture, frames, key_frames, probed, today};
use camera::{SourceConfig, Transport};
use media::id::TrackId;
use owner::Picture;
use owner::audit::{Since, State};
use requester::request::{Ask, Kind};
use requester::show::Tried;
use serde_json::json;
use world::browser::Browser;
use world::filming::Filming;
use world::rtsp::RtspServer;
use world::session::Session;
use world::{Filmed, Stage, until};

#[tokio::test(flavor = "multi_thread")]
async fn both_pictures_come_out_whole_and_a_second_source_that_dies_disturbs_nothing() {
    let stage = Stage::set(0).await;
    let server = RtspServer::start().await;
    // A device of its own, so that it can lose power alone.
    let mut other = server.encrypted().await;
    let main = server.source("h264-aac", Transport::Tcp);
    let filming =
        Filming::begin_both(&stage, "door", main.clone(), Some(other.source("b-frames", Transport::Tcp)))
            .await;
    let films = [(TrackId::MAIN, server.film("h264-aac")), (TrackId::SUB, server.film("b-frames"))];
    filming.acked(key_frames(&films[0].1).await).await;
    filming.sub_acked(key_frames(&films[1].1).await).await;

    other.kill().await;
    let broken = ["broke off", "closed the stream", "not readable"];
    until("the second track's trouble", async || {
        let trouble = filming.sub().now().troubles.picture.unwrap_or_default();
        broken.iter().any(|words| trouble.contains(words))
    })
    .await;
    let (main_before, sub_before) = (filming.stats().now().acked, filming.sub().now().sent);
    // The main one's film is begun anew meanwhile, again and again.
    filming.acked(main_before + 10).await;
    assert_eq!(filming.sub().now().sent, sub_before);
    other.restart().await;
    filming.sub_acked(sub_before + 2).await;
    filming.stop().await;

    for (track, film) in films {
        let clips = exported_picture(&stage, Picture { camera: "door", track }).await;
        assert!(clips.len() >= 2, "track {track}: each time it was begun anew is a file: {clips:?}");
        let (sent, kept) = (frames(&film).await, frames(&clips[0]).await);
        assert!(sent.len() >= 200 && kept == sent, "track {track}: {} of {}", kept.len(), sent.len());
    }

    // One that was never there.
    let filming =
        Filming::begin_both(&stage, "yard", main, Some(server.source("none", Transport::Tcp))).await;
    until("it is named", async || {
        filming.sub().now().troubles.picture.is_some_and(|trouble| trouble.contains("404"))
    })
    .await;
    filming.acked(3).await;
    assert_eq!(filming.sub().now().sent, 0);
    filming.stop().await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_the_second_picture_small_and_where_the_browser_lacks_the_mains_codec() {
    let stage = Stage::set(0).await;
    let server = RtspServer::start().await;
    let film = |mount| SourceConfig::file(server.film(mount), true);
    // The main one is H.265 and 320 wide, the second one H.264 and 640 wide: which is shown can be
    // seen. Padded, and the browser plays it all the same.
    let config = camera::Config {
        sub: Some(film("h264-aac")),
        filming: camera::Filming { pad_to_bytes: Some(4096), ..camera::Filming::default() },
        ..camera::Config::new(stage.folder().join("door"), film("h265-aac"))
    };
    let filming = Filming::begin_as(&stage, "door", config).await;
    filming.sub_acked(2).await;
    let app = owner::app::start(stage.cast.people.owner.clone(), None, stage.shutdown.child()).await.unwrap();
    let browser = Browser::start().await;
    let refuses = json!({ "source": "
        const supported = MediaSource.isTypeSupported.bind(MediaSource);
        MediaSource.isTypeSupported = (type) => !/h(vc|ev)1/.test(type) && supported(type);" });
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", refuses).await;
    browser.go(&app.at().url).await;
    let shown = "[...document.querySelectorAll('video')].some((it) => it.readyState >= 2 && it.currentTime > 0 && it.videoWidth === 640)";
    browser.until("the second picture in the grid", shown).await;

    browser.click(&format!("a[href='#/camera/{}']", filming.id)).await;
    browser.until("one camera large", "document.querySelector('.frame.large')").await;
    browser.until("the second picture instead", shown).await;
    let told = "[...document.querySelectorAll('p')].some((it) => !it.hidden && it.textContent.startsWith('This browser cannot show H.265 video: this is the camera'))";
    browser.until("the plain sentence", told).await;
    browser.picture("app-second-picture").await;
    // And its past: by the left arrow, held there.
    filming.acked(8).await;
    filming.sub_acked(8).await;
    browser.press(" ").await;
    browser.press("\u{E012}").await;
    browser
        .until(
            "the past",
            &format!("!document.querySelector('.clock').textContent.startsWith('live') && {shown}"),
        )
        .await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    drop(browser);
    app.stop_and_join().await.unwrap();
    filming.stop().await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_of_the_second_picture_opens_that_one_and_is_audited_as_its_own() {
    let stage = Stage::set(1).await;
    let server = RtspServer::start().await;
    let film = |mount| SourceConfig::file(server.film(mount), true);
    let filming = Filming::begin_both(&stage, "door", film("h264-aac"), Some(film("b-frames"))).await;
    filming.sub_acked(1).await;
    let from_us = host::clock::now_us();
    // A key frame a second: the epochs of the first seconds are over.
    filming.sub_acked(2 + 2 * u64::from(world::EPOCH_SECONDS)).await;
    let filmed = Filmed { from_us, to_us: from_us + 3_000_000 };
    let ask = |track: TrackId| Ask {
        camera_id: filming.id.clone(),
        track: track.0,
        ..stage.ask(0, Kind::Emergency, filmed)
    };
    let requester = &stage.cast.people.requester;
    let owner = &stage.cast.people.owner;
    let device = Session::of_device(&stage).await;
    for (track, width) in [(TrackId::SUB, "320"), (TrackId::MAIN, "640")] {
        let folder = stage.collected(&format!("request-{track}"), &ask(track)).await;
        let opened = requester::open::open(requester, &folder, &mut |_| {}).await.unwrap();
        assert!(opened.segments > 0 && opened.epochs_opened == opened.epochs_requested, "{opened:?}");
        assert_eq!(opened.culprits, Vec::<String>::new());
        let shown =
            probed(&opened.clips[0], &["-select_streams", "v", "-show_entries", "stream=width"]).await;
        assert_eq!(shown, [width], "what was released is that picture");
        // The control for the scope tests: neighbours on the same track.
        let drafted = requester::request::draft(requester, &folder).unwrap();
        let next = drafted.last_epoch + 1;
        let tried = requester::show::try_epoch(requester, &folder, next).await.unwrap();
        assert!(matches!(tried, Tried::Withheld { .. }), "{tried:?}");
        let sealed = device.segments_of(filming.id.parse().unwrap(), track, filmed.from_us, u64::MAX).await;
        let tried = requester::show::try_sealed(requester, &folder, next, &sealed).await.unwrap();
        assert_eq!(tried, Tried::Refused { name: "fragment-does-not-open".to_owned() });

        let report = owner::audit::audit(owner, Since::LastHead, &mut |_| {}).await.unwrap();
        let row = report.rows.iter().rfind(|row| row.kind.word() == "emergency").unwrap();
        assert_eq!((row.camera.as_str(), row.track, row.state), ("door", track.0, Some(State::Completed)));
        assert_eq!(row.epochs, Some((drafted.first_epoch, drafted.last_epoch)));
        assert_eq!(row.remarks, Vec::<String>::new());
        assert_eq!(report.policy_alarms, Vec::<String>::new());
    }
    let second = Picture { camera: "door", track: TrackId::SUB };
    let mut nowhere = tokio::io::sink();
    let watched = owner::play::play(owner, second, today(), &mut nowhere, &mut |_| {}).await.unwrap();
    assert_eq!(watched.refused, 0);
    filming.stop().await;
    stage.strike().await;
}
