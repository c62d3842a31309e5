//! Who forwards: a real relay on a runtime of its own with one enrolled camera, and a bare
//! forwarder to compare it with.

use crate::camera::{CAMERA, Camera};
use bytes::Bytes;
use host::running::Running;
use host::shutdown::Shutdown;
use media::id::{CameraId, Sequence};
use media::message::{Control, From, Request, Response};
use media::sign::PublicKey;
use media::time::Micros;
use quic::{ControlReceiver, Endpoint, Identity, Limits, Link, SegmentRecv, StreamError};
use relay::{At, Config, Error, Key, Log};
use stage::books::{OWNER, TRACK};
use stage::keys::public;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

const BARE: u8 = 33;

/// Who forwards.
#[derive(Debug)]
pub(crate) struct Forwarder {
    /// Threads of this name do its work, and no others.
    pub(crate) threads: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) key: PublicKey,
    relay: Option<(TempDir, Running<At, Error>)>,
    runtime: Runtime,
}

/// One end of a session; dropping the endpoint would end it.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) link: Link,
    pub(crate) control: ControlReceiver,
    _endpoint: Endpoint,
}

fn runtime(threads: &'static str) -> Runtime {
    // One processor for who forwards, the other for the camera and all viewers.
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).thread_name(threads).enable_all().build().unwrap()
}

impl Forwarder {
    /// The relay as it is shipped: it verifies, stores and forwards.
    pub(crate) fn relay() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let policy = dir.path().join("policy");
        // The log is never asked here.
        std::fs::write(&policy, stage::paper::policy_text()).unwrap();
        let log = Log { url: "http://127.0.0.1:1".to_owned(), policy, sponsor: "relay.example".to_owned() };
        let mut config = Config::new("127.0.0.1:0".parse().unwrap(), dir.path().join("relay"), log);
        config.owners = vec![Key(public(OWNER))];
        // This camera sends as fast as it can, which none does.
        config.limits.writes_per_minute = u32::MAX;
        config.store.min_free_bytes = 0;
        relay::init(&config).unwrap();
        let runtime = runtime("relay");
        let running = runtime.block_on(relay::start(config, Shutdown::new())).unwrap();
        let (address, key) = (running.at().quic, running.at().key.0);
        Self { threads: "relay", address, key, relay: Some((dir, running)), runtime }
    }

    /// The least that could be called a relay: the same `quic`, one task a viewer, no look at a
    /// byte, no store, no rights.
    pub(crate) fn bare() -> Self {
        let runtime = runtime("bare");
        let identity = Identity::from_seed(&[BARE; 32]);
        let loopback = "127.0.0.1:0".parse().unwrap();
        let endpoint =
            runtime.block_on(async { Endpoint::server(loopback, &identity, Limits::default()).unwrap() });
        let (address, key) = (endpoint.local_addr().unwrap(), identity.public_key());
        runtime.spawn(forward(endpoint));
        Self { threads: "bare", address, key, relay: None, runtime }
    }

    pub(crate) async fn connect_viewer(&self, camera_id: CameraId) -> End {
        let mut end = self.connect(OWNER).await;
        if self.relay.is_some() {
            end.link
                .control_send(&Control::Subscribe { camera_id, track: TRACK, from: From::NextSegment })
                .unwrap();
            assert_eq!(
                end.control.next().await.unwrap(),
                Some(Control::SubscribeOk { camera_id, track: TRACK })
            );
        }
        end
    }

    pub(crate) async fn connect_camera(&self, camera: &Camera) -> End {
        if self.relay.is_none() {
            return self.connect(CAMERA).await;
        }
        let owner = self.connect(OWNER).await;
        assert_eq!(owner.link.call(&camera.put_policy()).await.unwrap(), Response::Ok);
        let mut end = self.connect(CAMERA).await;
        assert_eq!(end.link.call(&Request::PutEpochOpen(camera.epoch.clone())).await.unwrap(), Response::Ok);
        end.link.control_send(&Control::Publish { camera_id: camera.id(), track: TRACK }).unwrap();
        let ok = Control::PublishOk { track: TRACK, next: Sequence(0), newest: Vec::new() };
        assert_eq!(end.control.next().await.unwrap(), Some(ok));
        end
    }

    async fn connect(&self, seed: u8) -> End {
        let endpoint = Endpoint::client(&Identity::from_seed(&[seed; 32])).unwrap();
        let (link, control) = endpoint.connect(&self.address.to_string(), &self.key).await.unwrap();
        End { link, control, _endpoint: endpoint }
    }

    pub(crate) fn stop(self) {
        if let Some((_dir, running)) = self.relay {
            self.runtime.block_on(running.stop_and_join()).unwrap();
        }
        self.runtime.shutdown_background();
    }
}

/// What a viewer of the bare forwarder is sent; `None` ends a segment.
type Pieces = mpsc::Sender<Option<Bytes>>;

/// Pieces that wait for one viewer. Beyond them the bare forwarder waits, and everybody with it:
/// that is what it spares itself.
const WAITING: usize = 4096;

async fn forward(endpoint: Endpoint) {
    let viewers: Arc<Mutex<Vec<Pieces>>> = Arc::default();
    let camera = public(CAMERA);
    while let Some(incoming) = endpoint.accept().await {
        let viewers = viewers.clone();
        tokio::spawn(async move {
            let Ok((link, _control)) = incoming.accept(|| Micros(host::clock::now_us())).await else {
                return;
            };
            if link.peer_key() == camera {
                while let Ok(stream) = link.accept_segment().await {
                    receive(stream, &viewers).await;
                }
            } else {
                let (pieces, queue) = mpsc::channel(WAITING);
                viewers.lock().unwrap().push(pieces);
                // That it is gone shows when it is sent to.
                let _ = send(&link, queue).await;
            }
        });
    }
}

async fn receive(mut stream: SegmentRecv, viewers: &Mutex<Vec<Pieces>>) {
    let viewing: Vec<Pieces> = {
        let mut viewers = viewers.lock().unwrap();
        viewers.retain(|viewer| !viewer.is_closed());
        viewers.clone()
    };
    while let Ok(piece) = stream.read_chunk(64 << 10).await {
        for viewer in &viewing {
            let _ = viewer.send(piece.clone()).await;
        }
        if piece.is_none() {
            return;
        }
    }
}

async fn send(link: &Link, mut queue: mpsc::Receiver<Option<Bytes>>) -> Result<(), StreamError> {
    loop {
        let mut out = link.open_segment(0).await?;
        while let Some(piece) = queue.recv().await {
            match piece {
                Some(piece) => out.write_bytes(piece).await?,
                None => break,
            }
        }
        out.finish()?;
    }
}
