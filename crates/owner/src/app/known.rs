//! What the page and the bridge ask of [`Known`].

use super::Known;
use super::events::{self, Moved};
use super::picture::{self, KeyPicture};
use super::proof::{self, Cameras, Standing};
use super::timeline::Timeline;
use crate::audit::Report;
use crate::book::StoredCamera;
use crate::span::Span;
use crate::state::Owner;
use host::shutdown::Shutdown;
use media::time::Micros;
use quic::CallError;
use std::sync::Arc;

impl Known {
    pub(crate) fn new(owner: Owner, shutdown: Shutdown) -> Self {
        Self {
            owner,
            proof: Default::default(),
            epochs: Default::default(),
            glimpses: Default::default(),
            pictures: Default::default(),
            shutdown,
        }
    }

    /// Audits the log and asks for the cameras, until the shutdown.
    pub(crate) async fn keep_fresh(&self) {
        proof::keep_fresh(self).await;
    }

    /// The cameras by their own word and the relay's.
    pub(crate) fn cameras(&self) -> Cameras {
        self.proof.cameras()
    }

    /// The last audit.
    pub(crate) fn report(&self) -> Option<Arc<Report>> {
        self.proof.report()
    }

    /// How much that audit is worth now.
    pub(crate) fn standing(&self) -> Standing {
        self.proof.standing(self.owner.log().policy().witnesses().len(), self.owner.now().0)
    }

    /// What is recorded in a span, what is missing and what was released.
    pub(crate) async fn timeline(&self, camera: &StoredCamera, span: Span) -> Result<Timeline, CallError> {
        let (cameras, id) = (self.proof.cameras(), camera.camera_id.to_string());
        let newest = cameras.status.iter().find(|camera| camera.camera_id == id);
        let newest_us = newest.map_or(0, |camera| camera.newest_us);
        let report = self.proof.report();
        let rows = report.as_deref().map_or(&[][..], |report| &report.rows);
        self.epochs.timeline(&self.owner, &self.glimpses, camera, span, newest_us, rows).await
    }

    /// When something moved in a span.
    pub(crate) async fn moved(&self, camera: &StoredCamera, span: Span) -> Result<Moved, CallError> {
        // It says in which epochs heads are looked for.
        self.timeline(camera, span).await?;
        events::find(self, camera, span).await
    }

    /// From where to where the newest heads of a camera were read, and none of its segments is missing.
    pub(crate) fn unbroken(&self, camera: &StoredCamera) -> Option<(Micros, Micros)> {
        events::unbroken(self, camera)
    }

    /// The key picture of a moment, where one is stored.
    pub(crate) async fn still(
        &self,
        camera: &StoredCamera,
        at: Micros,
    ) -> Result<Option<KeyPicture>, CallError> {
        picture::still(self, camera, at).await
    }
}
