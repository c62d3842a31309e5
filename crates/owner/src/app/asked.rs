//! What a request names: a camera by its id, one of its pictures, a stretch of its past.

use super::App;
use crate::book::StoredCamera;
use crate::span::Span;
use host::http::Failure;
use media::time::Micros;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct Which {
    /// Its id, hex.
    pub(super) camera: String,
    #[serde(default)]
    pub(super) track: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct Stretch {
    pub(super) camera: String,
    #[serde(default)]
    pub(super) track: u32,
    /// Unix microseconds.
    pub(super) from: u64,
    pub(super) to: u64,
}

impl App {
    /// The camera with this id.
    pub(super) fn camera(&self, id: &str) -> Result<StoredCamera, Failure> {
        let mut cameras = self.owner.stored().cameras.into_iter();
        cameras.find(|camera| camera.camera_id.to_string() == id).ok_or_else(|| {
            Failure::new(
                404,
                "unknown-camera",
                "no camera of the book has this id; open the list of cameras again",
            )
        })
    }

    /// The camera and the span that a stretch names.
    pub(super) fn stretch(&self, stretch: &Stretch) -> Result<(StoredCamera, Span), Failure> {
        let camera = self.camera(&stretch.camera)?;
        let span = Span::new(Micros(stretch.from), Micros(stretch.to));
        Ok((camera, span.map_err(|error| Failure::new(400, "wrong-span", error.to_string()))?))
    }
}

/// Of what nobody knows.
pub(super) fn nothing() -> Failure {
    Failure::new(404, "not-found", "go back to the address that `candor owner app` printed")
}
