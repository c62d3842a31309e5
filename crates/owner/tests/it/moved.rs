//! The alarm tells that something moved, with a picture: a real relay, a camera by hand.

use crate::watch::Scene;
use host::shutdown::Shutdown;
use media::motion::{Cells, Motion};
use media::time::Micros;
use owner::Owner;
use owner::alarm::decide::Change;
use owner::alarm::{self, Message, SHORTEST};
use owner::book::BookError;
use serde_json::Value;
use stage::by_hand::{Camera, SEGMENT_US};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

/// Clocks that are nine hours and a half ahead.
fn ahead(_: Micros) -> i64 {
    34_200
}

/// Whatever a slow machine takes.
const PATIENCE: Duration = Duration::from_secs(120);

struct Watching {
    told: UnboundedReceiver<Message>,
    stop: Shutdown,
    ended: oneshot::Receiver<Result<(), BookError>>,
}

impl Watching {
    fn start(owner: &Owner) -> Self {
        let (owner, stop, (sender, told)) = (owner.clone(), Shutdown::new(), unbounded_channel());
        let (stopped, (over, ended)) = (stop.clone(), oneshot::channel());
        // As a command runs it: what it awaits is not for another thread.
        let runtime = Handle::current();
        std::thread::spawn(move || {
            // Such a camera says nothing of itself, which is told as well.
            let on = &mut |message: Message| {
                if message.change.event().starts_with("motion") {
                    _ = sender.send(message);
                }
            };
            over.send(runtime.block_on(alarm::watch(&owner, SHORTEST, ahead, &stopped, on)))
        });
        Self { told, stop, ended }
    }

    /// Ends it; what it told and nobody looked at.
    async fn end(mut self) -> Vec<Message> {
        self.stop.request();
        self.ended.await.unwrap().unwrap();
        std::iter::from_fn(|| self.told.try_recv().ok()).collect()
    }
}

/// Waits until what the alarm keeps of its one camera is so.
async fn kept(scene: &Scene, what: impl Fn(&Value) -> bool) {
    let path = scene.world.keybook().join("alarm-motion.json");
    let read = || std::fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    let deadline = Instant::now() + PATIENCE;
    loop {
        let all = read().unwrap_or_default();
        if all.as_object().and_then(|all| all.values().next()).is_some_and(&what) {
            return;
        }
        assert!(Instant::now() < deadline, "{all}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// A head tells of two seconds before its own.
async fn film(camera: &mut Camera, permille: &[u16]) {
    for permille in permille {
        camera.motion = Motion { permille: *permille, cells: Cells::NONE, event: None };
        camera.film().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_moves_is_told_once_with_a_picture_that_only_the_owners_device_opens() {
    let mut scene = Scene::new().await;
    let mut camera = scene.paired("front-door").await;
    scene.world.owner_config.alarm.motion = vec!["front-door".to_owned()];
    let owner = scene.world.owner();
    camera.began_us -= 60 * SEGMENT_US;
    // What was there before is no news.
    film(&mut camera, &[0, 0, 300, 300, 0, 0, 0, 0, 0, 0]).await;
    let mut watching = Watching::start(&owner);
    kept(&scene, |told| told["from_us"].as_u64() > Some(camera.began_us)).await;
    film(&mut camera, &[0, 0, 0, 0, 0, 0, 0, 0, 60, 450, 0, 0, 0, 0, 0, 0, 0, 0, 0]).await;
    let message = timeout(PATIENCE, watching.told.recv()).await.unwrap().unwrap();
    let from_us = camera.began_us + 16 * SEGMENT_US;
    let Change::Motion { camera: name, from_us: from, to_us, local_time, goes_on, permille, untold, .. } =
        &message.change
    else {
        panic!("{message:?}")
    };
    assert_eq!((name.as_str(), *from, *to_us), ("front-door", from_us, from_us + 2 * SEGMENT_US));
    assert_eq!((*goes_on, *permille, *untold), (false, 450, 0));
    let second = (from_us / 1_000_000 + 34_200) % 86_400;
    let time = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    assert_eq!(*local_time, time);
    assert_eq!(message.text, format!("something moved at front-door at {time}, for 2 s"));

    let pictured = message.picture.as_deref().unwrap();
    assert_eq!(pictured.still.kind, "image/jpeg");
    assert!(pictured.still.bytes.starts_with(&[0xff, 0xd8]));
    let json = serde_json::to_value(&message).unwrap();
    assert!(json.get("picture").is_none(), "standard output has no picture: {json}");
    let posted = |change: &dyn Fn(&mut Value)| {
        let mut posted = json.clone();
        posted["picture"] = pictured.posted.clone();
        change(&mut posted);
        serde_json::to_vec(&posted).unwrap()
    };
    let (received, image) = owner.open_picture(&posted(&|_| {}), None).unwrap();
    assert_eq!((received.camera.as_str(), received.from_us), ("front-door", from_us));
    assert!((from_us..from_us + 3 * SEGMENT_US).contains(&received.at_us), "{received:?}");
    assert!(received.is_this_device && image == pictured.still.bytes);
    let refused = |owner: &Owner, given: &[u8]| owner.open_picture(given, None).unwrap_err().to_string();
    let stranger = crate::world::World::new().await.owner();
    let told = refused(&stranger, &posted(&|_| {}));
    assert!(told.contains("the key of another device"), "{told}");
    // Whoever serves the webhook puts an older picture into today's message.
    let told = refused(&owner, &posted(&|message| message["from_us"] = (from_us + 1).into()));
    assert!(told.contains("of another event"), "{told}");
    assert!(refused(&owner, b"{}").contains("no sealed picture"));
    // Anybody seals to the key, and signs as itself.
    let device = ed25519_dalek::SigningKey::from_bytes(&[5; 32]);
    let theirs = seal::picture::SentPicture {
        device_pk: device.verifying_key().to_bytes(),
        camera_id: camera.id,
        from_us: Micros(from_us),
        to_us: Micros(from_us),
        at_us: Micros(from_us),
        camera: "front-door, signed by this device\n".to_owned(),
        kind: "image/jpeg".to_owned(),
        image: Vec::new(),
    };
    let sent = theirs.seal(&device, &owner.picture_key().0, &mut host::rng::Rng::system()).unwrap();
    assert!(refused(&owner, &sent).contains("anybody can have made it"));
    let key = quic::Key(theirs.device_pk);
    assert_eq!(owner.open_picture(&sent, Some(key)).unwrap().0.camera, "front-door");
    assert!(watching.end().await.is_empty());

    // Another process goes on: in the pause it counts what it does not tell.
    let watching = Watching::start(&owner);
    film(&mut camera, &[0, 0, 90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).await;
    kept(&scene, |told| told["untold"] == 1).await;
    assert!(watching.end().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_that_is_not_in_the_book_is_named_before_anything_is_watched() {
    let mut scene = Scene::new().await;
    scene.world.owner_config.alarm.motion = vec!["*".to_owned(), "fornt-door".to_owned()];
    let watching = Watching::start(&scene.world.owner());
    let refused = timeout(PATIENCE, watching.ended).await.unwrap().unwrap().unwrap_err();
    assert!(matches!(&refused, BookError::Unknown(name) if name == "fornt-door"), "{refused}");
}
