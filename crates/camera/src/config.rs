//! The configuration of a camera.

use crate::filming::Filming;
use crate::mask::Privacy;
use crate::publish::Share;
use crate::source::SourceConfig;
use host::config::Located;
use std::path::PathBuf;

/// The configuration of a camera (deploy/config/camera.toml).
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its data folder, made by `candor camera init`: identity, counters, spool. A copy of it is a
    /// second camera with one identity.
    pub data: PathBuf,
    pub source: SourceConfig,
    /// A second picture of the same scene at a lower rate, if the device has one: its substream.
    #[serde(default)]
    pub sub: Option<SourceConfig>,
    #[serde(default)]
    pub sound: Sounds,
    /// What is black in both pictures before anything is sealed.
    #[serde(default)]
    pub privacy: Privacy,
    /// When it films: always, or events only, or at some hours.
    #[serde(default)]
    pub filming: Filming,
    /// The most that waits for an absent relay, of both pictures; beyond it the oldest segments of
    /// the second one go, then the oldest of the main one, and the gap is signed.
    #[serde(default = "default_spool_bytes")]
    pub spool_bytes: u64,
    /// The most of the uplink that footage of an outage takes when it is sent afterwards, percent;
    /// live goes first.
    #[serde(default)]
    pub backfill_percent: Share,
    /// What the owner is shown when pairing; a claim and no more.
    #[serde(default = "default_model")]
    pub model: String,
}

/// What becomes of its sources' sound.
#[derive(Debug, Clone, Copy, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sounds {
    #[serde(default)]
    pub mode: SoundMode,
}

/// Whether sound is filmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SoundMode {
    #[default]
    On,
    /// It is left out before anything is sealed, and the owner is told so.
    Off,
}

impl Located for Config {
    fn paths(&mut self) -> Vec<&mut PathBuf> {
        let sources = [Some(&mut self.source), self.sub.as_mut()];
        let read = sources.into_iter().flatten().filter_map(SourceConfig::file_named);
        std::iter::once(&mut self.data).chain(read).collect()
    }
}

impl Config {
    /// A camera that films this source, with everything else as it is when nothing is said.
    pub fn new(data: impl Into<PathBuf>, source: SourceConfig) -> Self {
        Self {
            data: data.into(),
            source,
            sub: None,
            sound: Sounds::default(),
            privacy: Privacy::default(),
            filming: Filming::default(),
            spool_bytes: default_spool_bytes(),
            backfill_percent: Share::default(),
            model: default_model(),
        }
    }
}

fn default_spool_bytes() -> u64 {
    4 << 30
}
fn default_model() -> String {
    "candor camera".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const SAMPLE: &str = include_str!("../../../deploy/config/camera.toml");

    #[test]
    fn the_sample_is_a_configuration() {
        let config: Config = host::config::parse(SAMPLE, Path::new("camera.toml")).unwrap();
        assert!(matches!(config.source, SourceConfig::File { .. }));
    }

    #[test]
    fn a_misspelt_field_is_named() {
        let text = SAMPLE.replace("spool_bytes", "spool_byte");
        let error = host::config::parse::<Config>(&text, Path::new("c.toml")).unwrap_err().to_string();
        assert!(error.contains("spool_byte"), "{error}");
    }
}
