//! A real broker (Debian's mosquitto) that the bridge tells, and a subscriber that reads it back.

use crate::audit::{emergency, grant};
use crate::bridge::{moving, started, until};
use crate::watch::Scene;
use crate::world::World;
use host::shutdown::Shutdown;
use owner::Owner;
use owner::config::Mqtt;
use rumqttc::{AsyncClient, Event, EventLoop, Incoming, MqttOptions, QoS};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;

/// mosquitto on a port of its own, with one user.
pub(crate) struct Broker {
    child: Child,
    folder: PathBuf,
    pub(crate) port: u16,
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn mosquitto() -> &'static str {
    let places = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];
    places.into_iter().find(|place| Path::new(place).exists()).unwrap_or("mosquitto")
}

impl Broker {
    pub(crate) async fn start(folder: &Path) -> Self {
        let users = folder.join("users");
        let mut make = Command::new("mosquitto_passwd");
        make.args(["-b", "-c"]).arg(&users).args(["candor", "s3cret"]);
        assert!(make.status().unwrap().success());
        let password = folder.join("password");
        std::fs::write(&password, "s3cret\n").unwrap();
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
        loop {
            let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let text = format!(
                "listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {}\npersistence false\nuser root\n",
                users.display()
            );
            std::fs::write(folder.join("mosquitto.conf"), text).unwrap();
            // Another test may have taken the port meanwhile.
            if let Some(child) = listening(folder, port).await {
                return Self { child, folder: folder.to_owned(), port };
            }
        }
    }

    /// Loses all that it held.
    async fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = listening(&self.folder, self.port).await.expect("its port was taken");
    }

    pub(crate) fn config(&self) -> Mqtt {
        Mqtt {
            broker: format!("127.0.0.1:{}", self.port),
            user: Some("candor".to_owned()),
            password_file: Some(self.folder.join("password")),
            topic: "candor".to_owned(),
            discovery: "homeassistant".to_owned(),
        }
    }

    /// A subscriber of everything.
    pub(crate) async fn reader(&self) -> Reader {
        let mut options =
            MqttOptions::new(format!("reader-{:x}", host::clock::now_us()), "127.0.0.1", self.port);
        options.set_credentials("candor", "s3cret");
        let (client, polled) = AsyncClient::new(options, 10);
        client.subscribe("#", QoS::AtLeastOnce).await.unwrap();
        let heard = Arc::new(Mutex::new(Heard::default()));
        Reader { _client: client, reading: tokio::spawn(read(polled, heard.clone())), heard }
    }
}

async fn listening(folder: &Path, port: u16) -> Option<Child> {
    let mut command = Command::new(mosquitto());
    command.arg("-c").arg(folder.join("mosquitto.conf")).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("mosquitto is not installed");
    loop {
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Some(child);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[derive(Default)]
struct Heard {
    /// The newest text of each topic; what was taken back is not there.
    held: BTreeMap<String, String>,
    events: Vec<Value>,
}

pub(crate) struct Reader {
    _client: AsyncClient,
    reading: JoinHandle<()>,
    heard: Arc<Mutex<Heard>>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

async fn read(mut polled: EventLoop, heard: Arc<Mutex<Heard>>) {
    while let Ok(event) = polled.poll().await {
        let Event::Incoming(Incoming::Publish(said)) = event else { continue };
        let text = String::from_utf8(said.payload.to_vec()).unwrap();
        let mut heard = heard.lock().unwrap();
        match said.topic.as_str() {
            "candor/event" => heard.events.push(serde_json::from_str(&text).unwrap()),
            topic if text.is_empty() => drop(heard.held.remove(topic)),
            topic => drop(heard.held.insert(topic.to_owned(), text)),
        }
    }
}

impl Reader {
    pub(crate) fn topics(&self) -> Vec<String> {
        self.heard.lock().unwrap().held.keys().cloned().collect()
    }

    pub(crate) fn text(&self, topic: &str) -> Option<String> {
        self.heard.lock().unwrap().held.get(topic).cloned()
    }

    pub(crate) fn json(&self, topic: &str) -> Value {
        self.text(topic).map_or(Value::Null, |text| serde_json::from_str(&text).unwrap())
    }

    fn events(&self) -> Vec<Value> {
        self.heard.lock().unwrap().events.clone()
    }

    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        until(what, async || is_so(self)).await;
    }
}

const NAME: &str = "Anna's дверь +# \"{{ x }}\"";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn home_assistant_finds_a_camera_is_told_what_it_does_and_that_it_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut broker = Broker::start(folder.path()).await;
    let mut scene = Scene::new().await;
    let mut camera = scene.paired(NAME).await;
    camera.motion = moving(&camera);
    scene.world.owner_config.bridge.mqtt = Some(broker.config());
    let (bridge, _, owner) = started(&scene.world.owner_config).await;
    let reader = broker.reader().await;
    let id = &owner.cameras()[0].camera_id[..16];
    let (state, config) =
        (format!("candor/camera/{id}/state"), format!("homeassistant/device/candor_{id}/config"));
    reader.until("it is connected", |reader| reader.json(&state)["connected"] == "ON").await;
    let found = reader.json(&config);
    assert_eq!(found["device"]["name"], NAME);
    // What it is told to look at is there, and the fields that it is told to look for.
    for (part, component) in found["components"].as_object().unwrap() {
        let topic = component["state_topic"].as_str().unwrap();
        let field = component["value_template"].as_str().unwrap().trim_matches(['{', '}', ' ']);
        let field = field.strip_prefix("value_json.").unwrap().split(' ').next().unwrap();
        if part != "release" {
            assert!(reader.json(topic).get(field).is_some(), "{part}: {field} is not in {topic}");
        }
    }
    assert_eq!(reader.json(&state)["motion"], Value::Null, "nothing was filmed yet: nothing is known");
    for _ in 0..6 {
        camera.film().await;
    }
    reader.until("something moved", |reader| reader.json(&state)["motion"] == "ON").await;
    let status = reader.json(&config)["availability_topic"].as_str().unwrap().to_owned();
    assert_eq!(reader.text(&status).as_deref(), Some("online"));
    reader.until("the log is told", |reader| reader.json("candor/releases")["worth"] == "fresh").await;

    // A broker that lost everything is told everything again.
    let before = reader.topics();
    broker.restart().await;
    let reader = broker.reader().await;
    reader.until("all of it is there again", |reader| reader.topics() == before).await;

    owner::cameras::rename(&scene.owner, NAME, "front").await.unwrap();
    owner.cameras();
    reader.until("its new name", |reader| reader.json(&config)["device"]["name"] == "front").await;
    owner::cameras::retire(&scene.owner, "front", &mut |_| {}).await.unwrap();
    reader.until("it is taken back", |reader| reader.topics().iter().all(|topic| !topic.contains(id))).await;
    bridge.stop_and_join().await.unwrap();
    reader.until("offline", |reader| reader.text(&status).as_deref() == Some("offline")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_request_for_footage_is_told_once_and_a_bridge_that_died_is_offline() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(folder.path()).await;
    // A relay that knows this camera not is asked at once.
    let mut scene = Scene::new().await;
    let world = &mut scene.world;
    let camera = world.pair("front-door", 21).await;
    let (old, old_request) = world.log(&emergency(&camera, 0)).await;
    world.owner_config.bridge.mqtt = Some(broker.config());
    let (bridge, _, owner) = started(&world.owner_config).await;
    let reader = broker.reader().await;
    reader.until("the first look", |reader| reader.json("candor/releases")["given"] == 0).await;
    let id = &owner.cameras()[0].camera_id[..16];
    let about = format!("candor/camera/{id}/release");
    reader.until("the old one", |reader| reader.json(&about)["leaf"] == old).await;
    assert!(reader.events().is_empty(), "what is older than the bridge is no news: {:?}", reader.events());

    for by in 1..=3 {
        world.add(&grant(old, &old_request, by)).await;
    }
    reader.until("it was given", |reader| reader.json("candor/releases")["given"] == 1).await;
    reader.until("an event", |reader| !reader.events().is_empty()).await;
    let [event] = &reader.events()[..] else { panic!("{:?}", reader.events()) };
    assert_eq!((&event["event_type"], &event["leaf"]), (&"completed".into(), &old.into()), "{event}");
    assert_eq!(event, &{
        let mut release = reader.json(&about);
        release["event_type"] = "completed".into();
        release
    });
    // The broker has it: that is kept once the broker said so.
    let kept = world.owner_config.keybook.join("bridge.json");
    let is_kept = |_: &Reader| std::fs::read_to_string(&kept).is_ok_and(|kept| kept.contains("completed"));
    reader.until("it is kept", is_kept).await;
    bridge.stop_and_join().await.unwrap();
    reader.until("offline", |reader| reader.text("candor/status").as_deref() == Some("offline")).await;

    // What is retained of the first start says nothing of the second one.
    reader.heard.lock().unwrap().held.clear();
    // Another start, in a runtime that dies as a process does.
    let config = world.owner_config.clone();
    let dying = std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let bridge = runtime.block_on(started(&config)).0;
        (runtime, bridge)
    });
    let (runtime, again) = dying.join().unwrap();
    reader.until("online", |reader| reader.text("candor/status").as_deref() == Some("online")).await;
    reader.until("the count", |reader| reader.json("candor/releases")["given"] == 1).await;
    assert_eq!(reader.events().len(), 1, "it was told before: {:?}", reader.events());
    std::mem::forget(again);
    runtime.shutdown_background();
    reader
        .until("the broker's word", |reader| reader.text("candor/status").as_deref() == Some("offline"))
        .await;
    assert_eq!(reader.events().len(), 1, "{:?}", reader.events());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_refuses_or_is_away_stops_nothing_and_a_password_that_others_read_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(folder.path()).await;
    let mut world = World::new().await;
    let wrong = folder.path().join("wrong");
    std::fs::write(&wrong, "guess\n").unwrap();
    world.owner_config.bridge.mqtt = Some(Mqtt { password_file: Some(wrong.clone()), ..broker.config() });
    let open = owner::bridge::start(Owner::open(world.owner_config.clone()).unwrap(), Shutdown::new()).await;
    let error = open.unwrap_err().to_string();
    assert!(error.contains("wrong: readable by others") && !error.contains("guess"), "{error}");
    std::fs::set_permissions(&wrong, std::fs::Permissions::from_mode(0o600)).unwrap();
    let reader = broker.reader().await;
    for refusing in [broker.config().broker, "127.0.0.1:1".to_owned()] {
        let mqtt = world.owner_config.bridge.mqtt.as_mut().unwrap();
        mqtt.broker = refusing;
        let (bridge, address, owner) = started(&world.owner_config).await;
        let name = address.to_string();
        let token = owner::tokens::add(&owner, &name, None, None).await.unwrap().token;
        until("it serves", async || crate::bridge::get(address, &token, "/api/v1").await.status == 200).await;
        assert!(reader.topics().is_empty(), "{:?}", reader.topics());
        bridge.stop_and_join().await.unwrap();
    }
}
