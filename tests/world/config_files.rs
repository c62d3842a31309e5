//! Configuration files for parts of a running cast, so that a part can go on as a process of its
//! own: same folder, same port.

use crate::Stage;
use std::path::{Path, PathBuf};

/// Writes a party's file and returns its path.
pub fn write(folder: &Path, party: &str, text: &str) -> PathBuf {
    let path = folder.join(format!("{party}.toml"));
    std::fs::write(&path, text).unwrap();
    path
}

/// Of the relay of the cast.
pub fn relay(stage: &Stage) -> PathBuf {
    write(stage.folder(), "relay", &relay_text(&stage.cast.video.relay.config))
}

pub fn relay_text(config: &relay::Config) -> String {
    let keys = |keys: &[relay::Key]| {
        let quoted: Vec<String> = keys.iter().map(|key| format!("\"{key}\"")).collect();
        quoted.join(", ")
    };
    let mut text = format!(
        "listen = \"{}\"\ndata = {:?}\nowners = [{}]\nsponsors = [{}]\n\
         [log]\nurl = {:?}\npolicy = {:?}\nsponsor = {:?}\n",
        config.listen,
        config.data,
        keys(&config.owners),
        keys(&config.sponsors),
        config.log.url,
        config.log.policy,
        config.log.sponsor,
    );
    for trustee in &config.trustees {
        text.push_str(&format!("[[trustees]]\nname = {:?}\nurl = {:?}\n", trustee.name, trustee.url));
    }
    text
}

/// Of the log of the cast.
pub fn log(stage: &Stage) -> PathBuf {
    let config = &stage.cast.records.log.config;
    let mut text = format!(
        "listen = \"{}\"\ndata = {:?}\norigin = {:?}\npolicy = {:?}\n\
         batch_ms = {}\ncheckpoint_ms = {}\nrefresh_secs = {}\nbeyond_quorum_ms = {}\nadd_wait_secs = {}\n",
        config.listen,
        config.data,
        config.origin,
        config.policy,
        config.batch_ms,
        config.checkpoint_ms,
        config.refresh_secs,
        config.beyond_quorum_ms,
        config.add_wait_secs,
    );
    for submitter in &config.submitters {
        text.push_str(&format!(
            "[[submitters]]\nvkey = {:?}\nkinds = {:?}\nper_minute = {}\nburst = {}\nbytes_per_minute = {}\n",
            submitter.vkey,
            submitter.kinds,
            submitter.per_minute,
            submitter.burst,
            submitter.bytes_per_minute
        ));
    }
    write(stage.folder(), "log", &text)
}

/// Of a trustee of the cast.
pub fn trustee(stage: &Stage, n: usize) -> PathBuf {
    let config = &stage.cast.video.trustees[n].config;
    let text = format!(
        "listen = \"{}\"\ndata = {:?}\nname = {:?}\npolicy_doc = {:?}\napprovers = {:?}\nauto_approve = {}\n\
         retention_days = {}\ndays_ahead = {}\npoll_ms = {}\n[log]\nurl = {:?}\npolicy = {:?}\n",
        config.listen,
        config.data,
        config.name,
        config.policy_doc,
        config.approvers,
        config.auto_approve,
        config.retention_days,
        config.days_ahead,
        config.poll_ms,
        config.log.url,
        config.log.policy,
    );
    write(stage.folder(), &format!("trustee-{n}"), &text)
}

/// Of the owner of the cast.
pub fn owner(stage: &Stage) -> PathBuf {
    let config = &stage.cast.people.owner_config;
    let mut text = format!(
        "keybook = {:?}\nrecovery_key = {:?}\n[relay]\naddresses = {:?}\nkey = {:?}\nsponsor = {:?}\n[log]\nurl = {:?}\n\
         policy = {:?}\n[footage]\nepoch_seconds = {}\nretention_days = {}\n",
        config.keybook,
        config.recovery_key.as_deref().unwrap_or_default(),
        config.relay.addresses.all(),
        config.relay.key.to_string(),
        config.relay.sponsor,
        config.log.url,
        config.log.policy,
        config.footage.epoch_seconds,
        config.footage.retention_days,
    );
    if let Some(escrow) = &config.escrow {
        text.push_str(&format!(
            "[escrow]\npolicy_doc = {:?}\nthreshold = {}\nclasses = {:?}\n",
            escrow.policy_doc, escrow.threshold, escrow.classes
        ));
        for trustee in &escrow.trustees {
            text.push_str(&format!(
                "[[escrow.trustees]]\nname = {:?}\nvkey = {:?}\nurl = {:?}\n",
                trustee.name, trustee.vkey, trustee.url
            ));
        }
    }
    write(stage.folder(), "owner", &text)
}

/// Of the requester of the cast.
pub fn requester(stage: &Stage) -> PathBuf {
    let config = &stage.cast.people.requester_config;
    let text = format!(
        "keys = {:?}\ncountry = {:?}\npolicy_doc = {:?}\n\
         [names]\nagency = {:?}\nofficer = {:?}\nsupervisor = {:?}\nsponsor = {:?}\n\
         [relay]\naddresses = {:?}\nkey = {:?}\n[log]\nurl = {:?}\npolicy = {:?}\n",
        config.keys,
        config.country,
        config.policy_doc,
        config.names.agency,
        config.names.officer,
        config.names.supervisor,
        config.names.sponsor,
        config.relay.addresses.all(),
        config.relay.key.to_string(),
        config.log.url,
        config.log.policy,
    );
    write(stage.folder(), "requester", &text)
}

/// Of camera `n` of the cast, which goes on with its film.
pub fn filming(stage: &Stage, n: usize) -> PathBuf {
    let config = &stage.cast.video.cameras[n].part.config;
    write(stage.folder(), &format!("camera-{n}"), &camera_text(config))
}

pub fn camera_text(config: &camera::Config) -> String {
    let table = |name: &str, source: &camera::SourceConfig| {
        let camera::SourceConfig::File { path, looped } = source else {
            panic!("the cast films files, not {source}")
        };
        format!("[{name}]\npath = {path:?}\nloop = {looped}\n")
    };
    let source = table("source", &config.source);
    let sub = config.sub.as_ref().map(|sub| table("sub", sub)).unwrap_or_default();
    format!(
        "data = {:?}\nspool_bytes = {}\nbackfill_percent = {}\nmodel = {:?}\n{source}{sub}",
        config.data, config.spool_bytes, config.backfill_percent, config.model
    )
}

/// Of a new camera, which films `source`.
pub fn camera(folder: &Path, name: &str, source: &Path) -> PathBuf {
    let text = format!(
        "data = {:?}\nmodel = {name:?}\n[source]\npath = {source:?}\nloop = true\n",
        folder.join(name)
    );
    write(folder, name, &text)
}
