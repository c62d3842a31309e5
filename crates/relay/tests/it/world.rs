//! The cast of these tests: a relay, one owner, a device that watches, cameras.

use bytes::Bytes;
use host::machine::Machine;
use host::running::Running;
use host::shutdown::Shutdown;
use media::id::{CameraId, Sequence};
use media::message::{Control, RefusalCode, Request, Response};
use media::pair::HeldPolicy;
use media::policy::Role;
use media::segment::SegmentQuery;
use media::time::Micros;
use quic::{ControlReceiver, Endpoint, Identity, Link};
use relay::{At, Config, Error, Key, Log};
pub(crate) use stage::books::{
    Camera, DEVICE, GUEST, OWNER, RECIPIENTS, SECOND, Segment, TRACK, bundle, signed,
};
pub(crate) use stage::keys::{key, public};
use std::time::Duration;
use store::Store;
use tempfile::TempDir;
use tokio::time::timeout;

/// This machine is noisy; nothing here takes a tenth of it when it works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const SPONSOR: u8 = 4;
pub(crate) const STRANGER: u8 = 5;
pub(crate) const CAMERA: u8 = 20;

pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("nothing here takes this long when it works")
}

pub(crate) struct World {
    pub dir: TempDir,
    pub config: Config,
    pub machine: Machine,
    pub running: Option<Running<At, Error>>,
}

/// One end of a session; the endpoint is kept, because dropping it ends the session.
pub(crate) struct End {
    pub link: Link,
    pub control: ControlReceiver,
    _endpoint: Endpoint,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let policy = dir.path().join("policy");
        // The log is never asked here.
        std::fs::write(&policy, stage::paper::policy_text()).unwrap();
        let log = Log { url: "http://127.0.0.1:1".to_owned(), policy, sponsor: "relay.example".to_owned() };
        let mut config = Config::new("127.0.0.1:0".parse().unwrap(), dir.path().join("relay"), log);
        config.owners = vec![Key(public(OWNER))];
        config.sponsors = vec![Key(public(SPONSOR))];
        config.store.min_free_bytes = 0;
        change(&mut config);
        relay::init(&config).unwrap();
        let mut world = Self { dir, config, machine: Machine::system(), running: None };
        world.start().await;
        world
    }

    pub(crate) async fn start(&mut self) {
        let running = relay::start(self.config.clone(), self.begin()).await.unwrap();
        self.started(running);
    }

    /// Starts it over a store that stands in for the one in its folder.
    pub(crate) async fn start_over(&mut self, store: Store) {
        let running = relay::start_over(store, self.config.clone(), self.begin()).await.unwrap();
        self.started(running);
    }

    fn begin(&self) -> host::start::Start {
        host::start::Start::from(Shutdown::new()).with_machine(self.machine.clone())
    }

    fn started(&mut self, running: Running<At, Error>) {
        // So that a restarted one is found again.
        self.config.listen = running.at().quic;
        self.running = Some(running);
    }

    pub(crate) async fn stop(&mut self) {
        soon(self.running.take().unwrap().stop_and_join()).await.unwrap();
    }

    pub(crate) fn at(&self) -> &At {
        self.running.as_ref().unwrap().at()
    }

    pub(crate) async fn connect(&self, seed: u8) -> End {
        let endpoint = Endpoint::client(&Identity::from_seed(&[seed; 32])).unwrap();
        let address = self.at().quic.to_string();
        let (link, control) = soon(endpoint.connect(&address, &self.at().key.0)).await.unwrap();
        End { link, control, _endpoint: endpoint }
    }

    /// A camera that the owner has enrolled, connected and publishing, with its first EpochOpen
    /// put.
    pub(crate) async fn camera(&self) -> (Camera, End) {
        let mut camera = Camera::new(CAMERA);
        self.enroll(&camera, &RECIPIENTS).await;
        let mut end = self.connect(CAMERA).await;
        end.put_epoch(&mut camera).await;
        end.publishes(&camera, 0).await;
        (camera, end)
    }

    pub(crate) async fn enroll(&self, camera: &Camera, recipients: &[(u8, Role)]) {
        let owner = self.connect(OWNER).await;
        let (enrollment, policy) = camera.enrollment(1, [0; 32], recipients);
        let bundle = bundle(&policy);
        assert_eq!(owner.call(&Request::PutPolicy(HeldPolicy { enrollment, bundle })).await, Response::Ok);
    }
}

impl End {
    pub(crate) async fn call(&self, request: &Request) -> Response {
        soon(self.link.call(request)).await.unwrap()
    }

    pub(crate) async fn refused(&self, request: &Request) -> RefusalCode {
        match self.call(request).await {
            Response::Refused(refusal) => refusal.code,
            other => panic!("not refused: {other:?}"),
        }
    }

    pub(crate) async fn put_epoch(&self, camera: &mut Camera) {
        assert_eq!(self.call(&Request::PutEpochOpen(camera.next_epoch())).await, Response::Ok);
    }

    pub(crate) async fn hear(&mut self) -> Control {
        loop {
            let said = soon(self.control.next()).await.unwrap().expect("the session goes on");
            // They come when it is time for them.
            if !matches!(said, Control::Receipt(_)) {
                return said;
            }
        }
    }

    pub(crate) async fn publish(&mut self, camera_id: CameraId) -> Control {
        self.link.control_send(&Control::Publish { camera_id, track: TRACK }).unwrap();
        self.hear().await
    }

    /// Publishes, and is told that everything before `next` is here.
    pub(crate) async fn publishes(&mut self, camera: &Camera, next: u64) {
        match self.publish(camera.id()).await {
            Control::PublishOk { track: TRACK, next: told, .. } => assert_eq!(told, Sequence(next)),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn subscribe(&mut self, camera_id: CameraId, from: media::message::From) -> Control {
        self.link.control_send(&Control::Subscribe { camera_id, track: TRACK, from }).unwrap();
        self.hear().await
    }

    /// Sends a whole segment's stream.
    pub(crate) async fn send(&self, bytes: &[u8]) {
        let mut segment = soon(self.link.open_segment(0)).await.unwrap();
        // A relay that stops a stream early has said why on the control stream.
        if soon(segment.write(bytes)).await.is_ok() {
            let _ = segment.finish();
        }
    }

    /// Sends it and expects it to become durable.
    pub(crate) async fn stored(&mut self, segment: &Segment) {
        self.send(&segment.bytes).await;
        assert_eq!(self.hear().await, Control::Ack { track: TRACK, sequence: segment.header.sequence });
    }

    /// Sends it and expects a Nack for this sequence.
    pub(crate) async fn nacked(&mut self, bytes: &[u8], sequence: Sequence) -> RefusalCode {
        self.send(bytes).await;
        match self.hear().await {
            Control::Nack { track: TRACK, sequence: named, refusal } if named == sequence => refusal.code,
            other => panic!("no Nack of {sequence}: {other:?}"),
        }
    }

    /// Everything stored of a camera from `cursor` on.
    pub(crate) async fn fetch(&self, camera_id: CameraId, cursor: u64) -> Vec<(Micros, Bytes)> {
        let request = fetch(camera_id, cursor);
        let mut segments = soon(self.link.fetch_segments(&request)).await.unwrap();
        let mut all = Vec::new();
        while let Some(segment) = soon(segments.next()).await.unwrap() {
            all.push(segment);
        }
        all
    }
}

pub(crate) fn fetch(camera_id: CameraId, cursor: u64) -> SegmentQuery {
    let cursor = Sequence(cursor);
    SegmentQuery { camera_id, track: TRACK, from_us: Micros(0), to_us: Micros::MAX, cursor }
}
