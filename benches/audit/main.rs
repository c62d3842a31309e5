//! What one leaf of the log costs its readers: the owner, who tries the notice keys of a month of a
//! camera on it, beside whoever only verifies that it stands in the tree.
//!
//! ```text
//! cargo run --release -p candor-benches --bin audit [-- --json]
//! ```
//!
//! A real log on loopback with leaves of strangers; all is read from the beginning each time. Not
//! in it: a leaf that is the owner's, for which the register is folded once.
#![allow(clippy::unwrap_used)]

use escrow::record::{EntryId, OwnerPolicyLeaf, Signed};
use measure::{Candidate, Report, Table, in_turns};
use owner::Owner;
use owner::audit::{Since, audit_log};
use stage::keys::{name, sponsor};
use stage::log::Log;
use std::path::Path;
use std::time::Duration;
use tlog::reader::Head;
use tlog::{Entry as _, Hash};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

const LEAVES: usize = 2048;
/// Leaves that are on their way to the log at one time.
const AT_ONCE: usize = 128;

fn main() {
    let mut report = Report::new("audit");
    let runtime = Runtime::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let log = runtime.block_on(filled(dir.path()));
    let (owner, client) = (runtime.block_on(owner(dir.path(), &log)), log.client());
    let mut days = 0;
    let audit = || {
        let report = runtime.block_on(audit_log(&owner, Since::Beginning, &mut |_| {})).unwrap();
        assert!(report.is_clean() && report.leaves_read > LEAVES as u64, "{report:?}");
        days = report.camera_days;
    };
    let read = || {
        runtime.block_on(async {
            let note = client.unverified_checkpoint().await.unwrap();
            let head = client.policy().verify_checkpoint(&note).unwrap();
            client.read(Head::EMPTY, &head, &mut |_| ()).await.unwrap();
        });
    };
    let candidates = vec![Candidate::new("audit", audit), Candidate::new("read", read)];
    let rounds = in_turns(Duration::from_secs(30), candidates);
    let us = |name| rounds.seconds(name).median() * 1e6 / LEAVES as f64;
    let ratio = rounds.ratio("audit", "read");
    let mut table = Table::new(
        "a leaf of a stranger, microseconds: the owner's audit, and the tree alone",
        &["leaves", "camera-days", "audit", "tree alone", "audit/tree", "+-%"],
    );
    let numbers = [
        f64::from(u32::try_from(days).unwrap()),
        us("audit"),
        us("read"),
        ratio.median(),
        ratio.spread_percent(),
    ];
    table.row(LEAVES.to_string(), &numbers);
    report.add(table);
    report.print();
}

/// A log of strangers' leaves.
async fn filled(dir: &Path) -> Log {
    let log = Log::start(stage::log::config(dir, stage::log::vkeys([sponsor()]))).await;
    let client = log.client();
    let mut adding = JoinSet::new();
    for _ in 0..LEAVES {
        while adding.len() >= AT_ONCE {
            adding.join_next().await.unwrap().unwrap();
        }
        let client = client.clone();
        adding.spawn(async move { drop(client.add(stranger().entry_bytes().to_vec()).await.unwrap()) });
    }
    while let Some(added) = adding.join_next().await {
        added.unwrap();
    }
    log
}

/// An owner with one camera of a month.
async fn owner(dir: &Path, log: &Log) -> Owner {
    let config = owner::Config {
        keybook: dir.join("keybook"),
        relay: owner::config::Relay {
            addresses: relay_client::Addresses::one("no address"),
            key: quic::Key([0; 32]),
            invite_address: None,
            sponsor: "relay.example".to_owned(),
        },
        log: owner::config::LogConfig { url: log.url(), policy: log.config.policy.clone() },
        escrow: None,
        footage: owner::config::Footage::default(),
        recovery_key: None,
        alarm: Default::default(),
        bridge: Default::default(),
    };
    owner::keys::init(&config).unwrap();
    stage::keybook::pair(&config.keybook, log, "front-door", 21).await;
    Owner::open(config).unwrap()
}

fn stranger() -> Signed<OwnerPolicyLeaf> {
    let random = || Hash(host::rng::bytes());
    let id = EntryId(host::rng::bytes());
    let leaf = OwnerPolicyLeaf { id, sponsor: name("relay.example"), label: random(), commitment: random() };
    Signed::sign(leaf, &[&sponsor()]).unwrap()
}
