//! What a camera says of itself, from the source to its owner.

use crate::world::World;
use camera::{SourceConfig, Stream, Transport};
use host::shutdown::Shutdown;
use owner::alarm::Message;
use owner::status::{CameraState, Status};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Asks the relay until the camera is so.
pub(crate) async fn until(world: &World, what: &str, is_so: impl Fn(&Status) -> bool) -> Status {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let status = owner::status::status(&world.owner).await.unwrap().remove(0);
        if is_so(&status) {
            return status;
        }
        assert!(Instant::now() < deadline, "never: {what}; {status:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The silent alarm at work.
struct Alarm {
    thread: std::thread::JoinHandle<()>,
    stop: Shutdown,
    told: watch::Receiver<Vec<Message>>,
}

impl Alarm {
    fn start(world: &World) -> Self {
        let (stop, (tell, told)) = (Shutdown::new(), watch::channel(Vec::new()));
        let (owner, until) = (world.owner.clone(), stop.clone());
        let runtime = tokio::runtime::Handle::current();
        let thread = std::thread::spawn(move || {
            let on = &mut |message| tell.send_modify(|told| told.push(message));
            runtime.block_on(owner::alarm::watch(&owner, Duration::from_secs(2), |_| 0, &until, on)).unwrap();
        });
        Self { thread, stop, told }
    }

    /// What is found in the first message in which something is.
    async fn first(&self, find: impl Fn(&Message) -> Option<&'static str>) -> &'static str {
        let mut told = self.told.clone();
        let found = told.wait_for(|told| told.iter().any(|message| find(message).is_some()));
        let told = tokio::time::timeout(Duration::from_secs(60), found).await.expect("it is told").unwrap();
        told.iter().find_map(find).unwrap()
    }

    fn end(self) {
        self.stop.request();
        self.thread.join().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_whose_password_is_refused_is_connected_and_says_that_it_has_no_picture() {
    let mut world = World::new().await;
    world.pair().await;
    let url = format!("rtsp://door:s3cret@{}/", stage::refusing::start().await);
    let stream = Stream::new(url.parse().unwrap(), Transport::Tcp, None, None).unwrap();
    world.camera.source = SourceConfig::Stream(stream);
    let filming = world.film().await;
    let refused = "refuses the user or the password";
    let status = until(&world, "it says why", |it| it.condition.text.contains(refused)).await;
    assert!(status.online && status.condition.state == CameraState::NoPicture, "{status:?}");
    assert!(status.condition.text.starts_with("no picture for "), "{status:?}");
    assert!(!format!("{status:?}").contains("s3cret"));
    let alarm = Alarm::start(&world);
    let expected = |message: &Message| message.text.contains(refused).then(|| message.change.event());
    assert_eq!(alarm.first(expected).await, "no-picture");
    // Another process goes on from there, and repeats nothing.
    let kept = world.camera.data.with_file_name("keybook").join("alarm.json");
    while !std::fs::read_to_string(&kept).is_ok_and(|kept| kept.contains(r#""is_dark":true"#)) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    alarm.end();
    let alarm = Alarm::start(&world);
    tokio::time::sleep(Duration::from_secs(4)).await;
    filming.stop_and_join().await.unwrap();
    let status = until(&world, "it is gone", |it| !it.online).await;
    assert_eq!(status.condition.state, CameraState::Offline);

    // The same camera with a picture says that it films; with its privacy switch on, that.
    world.camera.source = SourceConfig::file(stage::fixture("h264-aac.mp4"), true);
    let filming = world.film_with(Shutdown::new()).await;
    until(&world, "it films", |it| it.condition.state == CameraState::Filming).await;
    let of_picture = |message: &Message| {
        ["no-picture", "picture-back"].into_iter().find(|event| *event == message.change.event())
    };
    assert_eq!(alarm.first(of_picture).await, "picture-back");
    alarm.end();
    camera::duty::set_privacy(&world.camera, true).unwrap();
    let status = until(&world, "it rests", |it| it.condition.state == CameraState::Resting).await;
    assert_eq!((status.condition.word.as_str(), status.online), ("privacy on", true));
    filming.stop_and_join().await.unwrap();
}
