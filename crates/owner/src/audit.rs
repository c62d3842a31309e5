//! The audit: a fresh head of the log with a quorum, consistent with the last one kept; every leaf
//! up to it, tried with the notice keys of own camera-days; and the cameras' EpochOpens against the
//! owner's policies.
//!
//! ```text
//! head ── quorum, fresh, continues the kept one ── else: fork, both heads kept in keybook/forks
//! leaves ── verified ── ledger ── findings, kept in the book, updated by later audits
//! EpochOpens ── by the camera, under the policy of their time, with the owner's own notice keys and
//!               the day keys that trustees logged, in order ── else: policy alarm
//! ```
//!
//! No row in a fully verified log means that nothing was released through it. In scope: what the
//! owner can know. Out of scope: showing others that a log forked (`monitor`).

mod epochs;
mod ledger;
mod report;

pub use crate::book::FoundKind;
pub use report::{Report, Row, State};

use crate::book::notice::camera_days;
use crate::book::{Base64, BookError, Checked, KeptEntry, KeptHead, Stored};
use crate::holders::Holders;
use crate::live::policy::Policies;
use crate::state::{As, Owner};
use crate::status::notice_of;
use epochs::Known;
use escrow::record::Leaf;
use escrow::register::{Folded, Register, Weight};
use host::durable::{self, DurableError};
use ledger::Ledger;
use log_client::{FollowError, MAX_AHEAD_SECS, MAX_HEAD_AGE_SECS};
use media::id::{CameraId, TrackId};
use quic::CallError;
use std::collections::BTreeSet;
use std::path::PathBuf;
use tlog::Hash;
use tlog::merkle::{Frontier, leaf_hash};
use tlog::policy::{CosignedCheckpoint, Window};
use tlog::proof::TlogProof;
use tlog::reader::{Head, ReadError, VerifiedEntry};
use tlog::stamp::{Followed, Shown, StampFault};

/// Progress is told once in so many leaves.
const TELL_EVERY: u64 = 256;

/// Which leaves are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// Those after the last verified head in the book.
    LastHead,
    /// All of them.
    Beginning,
}

/// What an audit is doing.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "step")]
pub enum AuditStep {
    /// A fresh head with a quorum, consistent with the last one kept.
    Head { size: u64, witnesses: Vec<String> },
    /// Leaves read and verified so far, of those to read.
    Leaves { done: u64, total: u64 },
    /// The cameras' EpochOpens are being compared with the current policies.
    Epochs { camera: String },
}

/// Why an audit says nothing.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error(
        "the log shows another history than the one kept: it has forked. Both heads are in {} and {}: they are evidence, show them to a monitor",
        .kept.display(), .shown.display()
    )]
    Fork { kept: PathBuf, shown: PathBuf },
    #[error(
        "the log shows a head of {shown} leaves, older than the one of {kept} kept: try again; if it lasts, tell a monitor"
    )]
    Older { kept: u64, shown: u64 },
    #[error(transparent)]
    Follow(#[from] FollowError),
    #[error(transparent)]
    Book(#[from] BookError),
    #[error(transparent)]
    File(#[from] DurableError),
}

/// Reads and verifies the log, and says what in it concerns the owner's cameras; then checks the
/// cameras' EpochOpens.
pub async fn audit(
    owner: &Owner,
    since: Since,
    on: &mut (dyn FnMut(AuditStep) + Send),
) -> Result<Report, AuditError> {
    let mut report = audit_log(owner, since, on).await?;
    let book = owner.stored();
    let days = camera_days(owner.folder(), &book.cameras, owner.now().day())?;
    let known = Known::of(&book, days, owner.now_us());
    let mut session = owner.session(As::Device);
    // What the relay was asked last, if it is away: the other cameras are not waited for as well.
    let mut away = None;
    for camera in &book.cameras {
        if book.is_unsponsored(camera) {
            report.unreleasable.push(format!("{}: {}", camera.name, crate::policy::UNSPONSORED));
        }
        if book.is_to_be_retired(camera) {
            let name = &camera.name;
            report.policy_alarms.push(format!(
                "{name}: it has a new key, and this one is still good: candor owner camera retire \"{name}\""
            ));
        }
        on(AuditStep::Epochs { camera: camera.name.clone() });
        let (checked, failed) = match &away {
            None => epochs::check(&mut session, camera, &known).await?,
            Some(error) => (Vec::new(), Some(CallError::clone(error))),
        };
        if let Some(error) = failed {
            report.unchecked.push(epochs::not_checked(&camera.name, &error));
            away = Some(error).filter(CallError::is_passing);
        }
        if checked.is_empty() && !camera.shown().retired {
            report.holders_unknown.push(camera.name.clone());
        }
        for (track, checker) in checked {
            report.epochs_checked += checker.checked;
            if track == TrackId::MAIN && !camera.shown().retired {
                let of = match (&checker.newest, camera.camera_key()) {
                    (Some(open), Ok(key)) => match notice_of(&mut session, &key, open.context.day()).await {
                        Ok(notice) => Holders::of(camera, &known.keys, open, notice.as_ref())?,
                        Err(error) => {
                            let what = "the camera's DayNotice was not given";
                            report.unchecked.push(format!("{}: {what} ({error})", camera.name));
                            None
                        }
                    },
                    (Some(_), Err(_)) | (None, _) => None,
                };
                match of {
                    Some(of) => report.holders.push(of),
                    None => report.holders_unknown.push(camera.name.clone()),
                }
            }
            // What was not clean, or not seen, is met again by the next audit.
            if checker.alarms.is_empty() && !checker.is_cut_off {
                let (id, to) = (camera.camera_id, checker.reached());
                owner.change(move |stored| reached(stored, &id, track, to)).await?;
            }
            report.policy_alarms.extend(checker.alarms);
        }
    }
    Ok(report)
}

/// The log's half of an audit, without the relay.
pub async fn audit_log(
    owner: &Owner,
    since: Since,
    on: &mut (dyn FnMut(AuditStep) + Send),
) -> Result<Report, AuditError> {
    let book = owner.refreshed().await?;
    let now = owner.now();
    let head = owner.log().head(Window::around(now.0, MAX_HEAD_AGE_SECS, MAX_AHEAD_SECS)).await?;
    let (size, root) = (head.checkpoint().size(), head.checkpoint().root());
    let kept = kept_head(&book)?;
    if size < kept.size {
        return Err(AuditError::Older { kept: kept.size, shown: size });
    }
    let (mut followed, mut head_alarms) = kept_followed(owner, &book)?;
    // A camera or trustee that the last audit did not know of: its first leaves may stand before
    // that head.
    if since == Since::Beginning || !covers_all(&book)? {
        followed = followed.afresh();
    }
    let from = followed.head();
    let days = camera_days(owner.folder(), &book.cameras, now.day())?;
    let camera_days = days.len() as u64;
    let mut ledger = Ledger::new(&book, days, owner.keys.audit(), head.cosigned_at())?;
    if from.size == 0 {
        ledger = ledger.afresh();
    }
    let witnesses = head.witness_names();
    on(AuditStep::Head { size, witnesses: witnesses.clone() });

    let total = size - from.size;
    let mut continuity = Continuity::new(kept, from);
    let mut take = |entry: VerifiedEntry| {
        continuity.take(entry.bytes());
        ledger.take(entry.index(), entry.bytes());
        let done = entry.index().saturating_add(1).saturating_sub(from.size);
        if done.is_multiple_of(TELL_EVERY) || done == total {
            on(AuditStep::Leaves { done, total });
        }
    };
    let failed = |error: FollowError| {
        if error.is_fork() {
            return fork(owner, &book, &head).unwrap_or_else(|error| error);
        }
        match error {
            FollowError::Read(ReadError::Shrunk { old, new }) => AuditError::Older { kept: old, shown: new },
            error @ (FollowError::Fetch(_) | FollowError::Head(_) | FollowError::Read(_)) => error.into(),
        }
    };
    let reading = owner.log().follow(&followed, &head, &mut take).await.map_err(failed)?;
    if continuity.is_broken() {
        return Err(fork(owner, &book, &head)?);
    }
    head_alarms.extend(stamp_alarms(owner, &reading.faults)?);
    if ledger.is_undecided() {
        let (register, unsponsored) = whole_register(owner, &head).await.map_err(failed)?;
        ledger.judge(&register, &unsponsored);
    }

    let rows = ledger.rows();
    let (findings, day_keys) = ledger.into_kept();
    let mut policy_alarms = missing_leaves(&book, &findings, size);
    policy_alarms.extend(head_alarms);
    let new = KeptHead {
        size,
        root: root.to_hex(),
        checkpoint: String::from_utf8_lossy(&head.encode()).into_owned(),
        cosigned_at: head.cosigned_at(),
        last: reading.followed.last().map(kept_entry),
        covers: to_cover(&book)?,
    };
    owner
        .change(move |stored| {
            // Another audit may have come further meanwhile.
            if stored.head.as_ref().is_none_or(|head| head.size <= new.size) {
                (stored.head, stored.findings, stored.day_keys) = (Some(new), findings, day_keys);
            }
            Ok(())
        })
        .await?;
    Ok(Report {
        head_size: size,
        head_root: root.to_hex(),
        witnesses,
        cosigned_at: head.cosigned_at(),
        leaves_read: total,
        camera_days,
        rows,
        policy_alarms,
        unchecked: Vec::new(),
        unreleasable: Vec::new(),
        epochs_checked: 0,
        holders: Vec::new(),
        holders_unknown: Vec::new(),
    })
}

/// Whose keys counted, and when, is a matter of the whole log; and so is which of its policies no key
/// signed that counted. It is seldom that somebody asks for own footage, or that a policy is made: then all
/// of it is read.
async fn whole_register(
    owner: &Owner,
    head: &CosignedCheckpoint,
) -> Result<(Register, BTreeSet<u64>), FollowError> {
    let mut register = Register::new(owner.log().policy().stamp_keys());
    let mut unsponsored = BTreeSet::new();
    let mut fold = |entry: VerifiedEntry| {
        let folded = register.fold(entry.index(), entry.bytes());
        let is_policy = |folded: &Folded| matches!(folded.leaf.value(), Leaf::Policy(_));
        if folded.is_ok_and(|it| it.is_some_and(|it| is_policy(&it) && it.weight == Weight::Unsigned)) {
            unsponsored.insert(entry.index());
        }
    };
    owner.log().read(Head::EMPTY, head, &mut fold).await?;
    Ok((register, unsponsored))
}

/// While everything is read from the beginning: whether the tree of the kept size is the one that
/// was kept.
struct Continuity {
    kept: Head,
    tree: Option<Frontier>,
    broken: bool,
}

impl Continuity {
    /// A reading that starts at the kept head is checked by the reader itself.
    fn new(kept: Head, from: Head) -> Self {
        let needed = from.size == 0 && kept.size > 0;
        Self { kept, tree: needed.then(Frontier::new), broken: false }
    }

    fn take(&mut self, entry: &[u8]) {
        let Some(tree) = &mut self.tree else { return };
        tree.push(leaf_hash(entry));
        if tree.size() == self.kept.size {
            self.broken = tree.root() != self.kept.root;
            self.tree = None;
        }
    }

    fn is_broken(&self) -> bool {
        self.broken || self.tree.is_some()
    }
}

fn kept_entry(last: &Shown) -> KeptEntry {
    KeptEntry { entry: Base64(last.entry.clone()), proof: Base64(last.proof.encode()) }
}

/// What the book says was followed to; and what keeps it from bounding the stamps that come.
fn kept_followed(owner: &Owner, book: &Stored) -> Result<(Followed, Vec<String>), AuditError> {
    let Some(kept) = &book.head else { return Ok((Followed::default(), Vec::new())) };
    let (policy, note) = (owner.log().policy(), kept.checkpoint.as_bytes());
    // SPEC: gossip.md#following: a kept head that the policy's log did not sign MUST NOT be passed
    // over.
    policy.verify_log_signature(note).map_err(|source| BookError::Malformed {
        path: owner.folder().join("book.json"),
        reason: format!("the kept head is not of the log policy's log ({source}): restore the policy"),
    })?;
    let last = kept.last.as_ref().and_then(|last| {
        Some(Shown { entry: last.entry.0.clone(), proof: TlogProof::parse(&last.proof.0).ok()? })
    });
    Ok(match policy.verify_checkpoint(note) {
        Ok(head) => (Followed::to(head, last), Vec::new()),
        // Everything is read again, and compared with the kept head by size and root.
        Err(error) => (
            Followed::default(),
            vec![format!(
                "the kept head has no quorum by the log policy of now ({error}): this once, no stamp was held against it"
            )],
        ),
    })
}

/// Keeps the evidence of bad stamps, and names all that stands: until somebody moves it away, no
/// audit is clean.
fn stamp_alarms(owner: &Owner, faults: &[StampFault]) -> Result<Vec<String>, AuditError> {
    let folder = owner.folder().join("forks");
    durable::create_dirs(&folder)?;
    for fault in faults {
        let (index, kind, evidence) = (fault.index(), fault.kind().word(), fault.encode());
        let hash = Hash::of(&[&evidence]).to_hex();
        durable::write_atomic(
            &folder.join(format!("stamp-{kind}-{index}-{}.fault", &hash[..16])),
            &evidence,
        )?;
    }
    let files = std::fs::read_dir(&folder).map_err(|error| DurableError::at(&folder, error))?;
    let mut paths: Vec<PathBuf> = files.flatten().map(|file| file.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "fault"));
    paths.sort();
    let told = |path: &PathBuf| {
        format!("the log stamped an entry as no honest log does: show {} to a monitor", path.display())
    };
    Ok(paths.iter().map(told).collect())
}

fn kept_head(book: &Stored) -> Result<Head, BookError> {
    let Some(head) = &book.head else { return Ok(Head::EMPTY) };
    let root = Hash::from_hex(&head.root).ok_or_else(|| BookError::Malformed {
        path: "book.json".into(),
        reason: "the kept head's root is no hash".to_owned(),
    })?;
    Ok(Head { size: head.size, root })
}

/// Whose leaves an audit looks for: own cameras, and the trustees of their policies.
fn to_cover(book: &Stored) -> Result<Vec<String>, BookError> {
    let mut all = BTreeSet::new();
    for camera in &book.cameras {
        all.insert(camera.camera_id.to_string());
        let policies = Policies::of(camera)?;
        // With a longer bound, keys count that were passed over.
        all.insert(format!("day-keys {}", policies.longest_day_keys()));
        all.extend(policies.trustees().map(str::to_owned));
    }
    Ok(all.into_iter().collect())
}

fn covers_all(book: &Stored) -> Result<bool, BookError> {
    let covers = |who: &String| book.head.as_ref().is_some_and(|head| head.covers.contains(who));
    Ok(to_cover(book)?.iter().all(covers))
}

/// Own policy leaves that were proved to be in the log when they were made, and are not where they
/// were.
fn missing_leaves(book: &Stored, findings: &[crate::book::Finding], size: u64) -> Vec<String> {
    let mut missing = Vec::new();
    for camera in &book.cameras {
        for policy in camera.policies.iter().filter(|policy| policy.leaf_index < size) {
            let hash = leaf_hash(&policy.leaf.0).to_hex();
            let is_it = |found: &crate::book::Finding| {
                found.leaf_index == policy.leaf_index && found.leaf_hash == hash
            };
            if !findings.iter().any(is_it) {
                missing.push(format!(
                    "{}: the log does not show its policy's leaf at {}, where it was proved to be: keep the book, it is evidence",
                    camera.name, policy.leaf_index
                ));
            }
        }
    }
    missing
}

fn reached(stored: &mut Stored, id: &CameraId, track: TrackId, to: Checked) -> Result<(), BookError> {
    for camera in stored.cameras.iter_mut().filter(|camera| camera.camera_id == *id) {
        camera.check_epochs_to(track, to);
    }
    Ok(())
}

/// Keeps both heads, each under its own name, and never replaces one.
fn fork(owner: &Owner, book: &Stored, shown: &CosignedCheckpoint) -> Result<AuditError, AuditError> {
    let folder = owner.folder().join("forks");
    durable::create_dirs(&folder)?;
    let write = |size: u64, root: &str, bytes: &[u8]| {
        let path = folder.join(format!("{size}-{}.checkpoint", root.get(..16).unwrap_or(root)));
        match durable::link_exclusive(&path, bytes) {
            // The same head, cosigned at another time: the first copy is as good.
            Ok(_) | Err(DurableError::Different { .. }) => Ok::<_, AuditError>(path),
            Err(error) => Err(error.into()),
        }
    };
    let (size, root, kept) = match &book.head {
        Some(head) => (head.size, head.root.as_str(), head.checkpoint.as_bytes()),
        None => (0, "", &[][..]),
    };
    let kept = write(size, root, kept)?;
    let checkpoint = shown.checkpoint();
    let shown = write(checkpoint.size(), &checkpoint.root().to_hex(), &shown.encode())?;
    durable::sync_dir(&folder)?;
    Ok(AuditError::Fork { kept, shown })
}

#[cfg(test)]
mod tests;
