//! The cast of these tests: a log, a registrar and an operator whom the log knows, and one whom it
//! does not.

use registrar::{Config, Draft, LogConfig};
use stage::log::Log;
use tempfile::TempDir;

pub(crate) struct World {
    pub dir: TempDir,
    pub registrar: Config,
    pub operator: Config,
    /// Its key is in no list of the log's.
    pub stranger: Config,
    pub log: Log,
}

impl World {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = |name: &str| Config {
            data: dir.path().join(name),
            name: name.to_owned(),
            log: LogConfig { url: String::new(), policy: dir.path().join("policy") },
        };
        let [mut registrar, mut operator, mut stranger] =
            ["registrar.example", "candor.example", "stranger.example"].map(config);
        let vkeys = [&registrar, &operator, &stranger].map(|config| registrar::init(config).unwrap());
        let log = Log::start(stage::log::config(dir.path(), vkeys[..2].iter().cloned())).await;
        for config in [&mut registrar, &mut operator, &mut stranger] {
            config.log.url = log.url();
        }
        Self { dir, registrar, operator, stranger, log }
    }

    /// Rules that name the registrar, as the operator publishes them.
    pub(crate) async fn publish_rules(&self) {
        let path = self.dir.path().join("published.txt");
        let [operator, registrar] =
            [&self.operator, &self.registrar].map(|config| registrar::vkey(config).unwrap());
        let draft = Draft {
            operator: &operator,
            registrars: &[&registrar],
            trustees: &[&stage::keys::trustee(0).verifier().vkey()],
            figures: &[],
            after: None,
        };
        registrar::write_rules(&path, &draft).unwrap();
        registrar::publish_rules(&self.operator, &path).await.unwrap();
    }
}
