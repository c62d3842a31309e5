//! A camera of a stage that films any source: paired and started as a person would.

use crate::{Stage, until};
use camera::SourceConfig;
use host::running::Running;
use host::shutdown::Shutdown;

/// A paired camera at work.
#[derive(Debug)]
pub struct Filming {
    pub name: String,
    pub id: String,
    running: Running<camera::At, camera::Error>,
}

impl Filming {
    pub async fn begin(stage: &Stage, name: &str, source: SourceConfig) -> Self {
        Self::begin_both(stage, name, source, None).await
    }

    /// With a second picture.
    pub async fn begin_both(
        stage: &Stage,
        name: &str,
        source: SourceConfig,
        sub: Option<SourceConfig>,
    ) -> Self {
        let data = stage.folder().join(name);
        Self::begin_as(stage, name, camera::Config { sub, ..camera::Config::new(data, source) }).await
    }

    /// As configured.
    pub async fn begin_as(stage: &Stage, name: &str, config: camera::Config) -> Self {
        let id = candor::cast::pair(&stage.cast.people.owner, &config, name).await.unwrap();
        let running = camera::start(config, Shutdown::new()).await.unwrap();
        Self { name: name.to_owned(), id: id.to_string(), running }
    }

    pub fn stats(&self) -> &camera::Stats {
        &self.running.at().stats
    }

    /// The second track's.
    pub fn sub(&self) -> &camera::Stats {
        self.running.at().sub.as_ref().unwrap()
    }

    /// Waits until so many segments of the second track are durable at the relay.
    pub async fn sub_acked(&self, segments: u64) {
        until("segments of the second track", async || self.sub().now().acked >= segments).await;
    }

    /// Waits until so many segments are durable at the relay.
    pub async fn acked(&self, segments: u64) {
        until(&format!("{}: {segments} segments stored: {:?}", self.name, self.stats()), async || {
            self.stats().now().acked >= segments
        })
        .await;
    }

    /// Waits until something is wrong with the source that is described so.
    pub async fn troubled(&self, words: &[&str]) {
        until(&format!("{}: {words:?}", self.name), async || {
            let trouble = self.stats().now().troubles.picture.unwrap_or_default();
            words.iter().any(|words| trouble.contains(words))
        })
        .await;
    }

    pub async fn stop(self) {
        self.running.stop_and_join().await.unwrap();
    }
}
