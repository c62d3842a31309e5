//! Privacy masks, from the configuration to what the owner opens.

use crate::health::until as told;
use crate::world::{World, until};
use media::time::Micros;
use owner::Span;
use owner::status::CameraState;
use std::path::Path;
use std::process::Command;

/// Each picture of a film in grey, 160 by 120.
fn pictures(film: &Path) -> Vec<Vec<u8>> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-i"]).arg(film);
    ffmpeg.args(["-vf", "scale=160:120:flags=neighbor,format=gray", "-f", "rawvideo", "pipe:1"]);
    ffmpeg.output().unwrap().stdout.chunks(160 * 120).map(<[u8]>::to_vec).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_masked_is_black_in_what_the_owner_opens_and_the_owner_is_told() {
    let mut world = World::new().await;
    world.pair().await;
    world.camera.privacy = host::config::parse("mask = [\"0,0,50,100\"]", Path::new("camera.toml")).unwrap();
    let filming = world.film().await;
    until(&filming.at().stats, "two segments are stored", |stats| stats.now().acked >= 2).await;
    let status = told(&world, "it films", |it| it.condition.state == CameraState::Filming).await;
    let notes = &status.condition.notes;
    assert!(notes.iter().any(|note| note.contains("black and not recorded")), "{notes:?}");
    filming.stop_and_join().await.unwrap();

    let now = host::clock::now_us();
    let span = Span::new(Micros(now - 3_600_000_000), Micros(now + 60_000_000)).unwrap();
    let mut film = Vec::new();
    owner::play::play(&world.owner, "door", span, &mut film, &mut |_| {}).await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), film).unwrap();
    let pictures = pictures(file.path());
    assert!(pictures.len() > 10, "{}", pictures.len());
    for picture in pictures {
        let side = |left: bool| picture.iter().enumerate().filter(move |(at, _)| (at % 160 < 78) == left);
        assert!(side(true).all(|(_, grey)| *grey < 20));
        assert!(side(false).filter(|(_, grey)| **grey > 40).count() > 1000);
    }
}
