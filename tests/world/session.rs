//! A session with the stage's relay under a key that a test took from its holder's folder.

use crate::{PATIENCE, Stage};
use bytes::Bytes;
use media::id::{CameraId, EpochNo, Sequence, TrackId};
use media::message::{Control, Request, Response};
use media::segment::SegmentQuery;
use media::time::Micros;
use quic::{ControlReceiver, Endpoint, Identity, Link};
use std::path::Path;

/// The picture of a cast's camera: it has one. Of two, the main one.
pub const TRACK: TrackId = TrackId(0);

/// A session; it ends with this.
#[derive(Debug)]
pub struct Session {
    pub link: Link,
    pub control: ControlReceiver,
    _endpoint: Endpoint,
}

impl Session {
    /// As the holder of this secret file.
    pub async fn of(stage: &Stage, key: &Path, label: &str) -> Self {
        let seed = host::secret::read(key, label).unwrap();
        let endpoint = Endpoint::client(&Identity::from_seed(seed[..].try_into().unwrap())).unwrap();
        // As the owner finds it: also while the relay is a process of its own.
        let relay = &stage.cast.people.owner_config.relay;
        let (link, control) = endpoint.connect(relay.addresses.first(), &relay.key.0).await.unwrap();
        Self { link, control, _endpoint: endpoint }
    }

    /// As the owner's root key, which decides.
    pub async fn of_root(stage: &Stage) -> Self {
        let path = stage.cast.people.owner_config.keybook.join("root.secret");
        Self::of(stage, &path, "owner-root").await
    }

    /// As the owner's device, which watches.
    pub async fn of_device(stage: &Stage) -> Self {
        let path = stage.cast.people.owner_config.keybook.join("device.secret");
        Self::of(stage, &path, "owner-device").await
    }

    /// Says something, and what is said to it.
    pub async fn say(&mut self, message: &Control) -> Control {
        self.link.control_send(message).unwrap();
        self.hear().await
    }

    pub async fn hear(&mut self) -> Control {
        loop {
            let said = tokio::time::timeout(PATIENCE, self.control.next()).await.unwrap().unwrap().unwrap();
            // They come when it is time for them.
            if !matches!(said, Control::Receipt(_)) {
                return said;
            }
        }
    }

    /// Sends a segment on a stream of its own; the answer comes by [`Session::hear`].
    pub async fn send(&self, segment: &Bytes) {
        let mut stream = self.link.open_segment(0).await.unwrap();
        // A relay that stops a stream early says why on the control stream.
        if stream.write(segment).await.is_ok() {
            let _ = stream.finish();
        }
    }

    /// Stored segments that overlap the span, as they are stored.
    pub async fn segments(&self, camera_id: CameraId, from_us: u64, to_us: u64) -> Vec<Bytes> {
        self.segments_of(camera_id, TRACK, from_us, to_us).await
    }

    /// Those of this track.
    pub async fn segments_of(
        &self,
        camera_id: CameraId,
        track: TrackId,
        from_us: u64,
        to_us: u64,
    ) -> Vec<Bytes> {
        let cursor = Sequence(0);
        let (from_us, to_us) = (Micros(from_us), Micros(to_us));
        let query = SegmentQuery { camera_id, track, from_us, to_us, cursor };
        let mut fetched = self.link.fetch_segments(&query).await.unwrap();
        let mut segments = Vec::new();
        while let Some((_, segment)) = fetched.next().await.unwrap() {
            segments.push(segment);
        }
        segments
    }

    /// All stored EpochOpens, signed.
    pub async fn opens(&self, camera_id: CameraId) -> Vec<Bytes> {
        self.opens_of(camera_id, TRACK).await
    }

    /// Those of this track.
    pub async fn opens_of(&self, camera_id: CameraId, track: TrackId) -> Vec<Bytes> {
        let request = Request::FetchEpochs {
            camera_id,
            track,
            from_us: Micros(0),
            to_us: Micros::MAX,
            cursor: EpochNo(0),
        };
        let answer = self.link.call(&request).await.unwrap();
        let Response::Epochs { opens, more: false } = answer else { panic!("{answer:?}") };
        opens.into_iter().map(Bytes::from).collect()
    }
}
