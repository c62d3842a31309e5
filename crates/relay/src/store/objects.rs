//! What is kept beside the video: EpochOpens, DayNotices, policies and mirrored day keys.

use super::error::StoreError;
use super::index::{EPOCH_MAX_US, Entry, Span};
use super::put::{PolicyFacts, Put, check_size};
use super::read::read_body;
use super::record::{DAY_US, Header, Kind, key, trustee_id};
use super::{Inner, Store};
use bytes::Bytes;
use media::codec::{DecodeError, Reader, Writer};
use media::enrollment::{Enrollment, ObjectError};
use media::epoch::SignedEpochOpen;
use media::id::{CameraId, Day, TrackId};
use media::limits;
use media::message::NamedObject;
use media::pair::PolicyBundle;
use media::policy::SignedOwnerPolicy;

/// Trustees' bundles in one answer, as `media::message` bounds it.
const DAY_KEYS_PER_ANSWER: usize = limits::TRUSTEES * 4;

/// EpochOpens of a range, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochOpens {
    pub opens: Vec<Bytes>,
    /// Whether the range holds further ones after the last.
    pub more: bool,
}

/// An Enrollment and a policy, as the owner sent them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPolicy {
    pub enrollment: Vec<u8>,
    pub bundle: PolicyBundle,
}

impl Store {
    /// Keeps an EpochOpen, whose signature the caller has verified; durable on return.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when another one has its number; [`StoreError::Malformed`] when it is longer than an epoch may be.
    pub async fn put_epoch_open(&self, open: &SignedEpochOpen, received_us: u64) -> Result<(), StoreError> {
        let context = &open.unverified().context;
        let duration_us = u64::from(context.dur_ms) * 1000;
        if duration_us > EPOCH_MAX_US {
            let text = format!("an epoch of {duration_us} us; the most is {EPOCH_MAX_US}");
            return Err(StoreError::Malformed(text));
        }
        let header = Header {
            track: context.track,
            epoch_no: context.epoch_no,
            start_us: context.start_us,
            duration_us,
            ..Header::new(Kind::EpochOpen, context.camera_id, context.epoch_no.0, received_us, open.bytes())
        };
        self.put(Put::new(header, open.bytes().to_vec())).await
    }

    /// The first `limit` EpochOpens that overlap `from_us..to_us`, in order of their numbers.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] or a failing disk.
    pub async fn epoch_opens(
        &self,
        camera_id: CameraId,
        track: TrackId,
        from_us: u64,
        to_us: u64,
        limit: usize,
    ) -> Result<EpochOpens, StoreError> {
        self.blocking(move |inner| {
            let span = Span { kind: Kind::EpochOpen, camera_id, track, from_us, to_us };
            let mut entries = Vec::new();
            let mut cursor = 0;
            loop {
                // One more than is wanted tells whether there is more.
                let wanted = limit.saturating_add(1) - entries.len();
                let page = inner.index.read(|view| view.page(&span, cursor, wanted))?;
                entries.extend(page.entries);
                match page.next {
                    Some(next) if entries.len() <= limit => cursor = next,
                    _ => break,
                }
            }
            let more = entries.len() > limit;
            let opens = entries.iter().take(limit).map(|entry| read_body(inner, entry));
            Ok(EpochOpens { opens: opens.collect::<Result<_, _>>()?, more })
        })
        .await
    }

    /// Keeps a signed DayNotice that the caller has verified; durable on return.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when another one stands for the day.
    pub async fn put_day_notice(
        &self,
        camera_id: CameraId,
        day: Day,
        signed: Bytes,
        received_us: u64,
    ) -> Result<(), StoreError> {
        check_size("a DayNotice", signed.len(), limits::NAME)?;
        let header = Header::new(Kind::DayNotice, camera_id, u64::from(day.0), received_us, &signed);
        self.put(Put::new(header, signed)).await
    }

    /// # Errors
    /// [`StoreError::Damaged`] or a failing disk.
    pub async fn day_notice(&self, camera_id: CameraId, day: Day) -> Result<Option<Bytes>, StoreError> {
        self.blocking(move |inner| {
            let key = key(Kind::DayNotice, camera_id, TrackId(0), u64::from(day.0));
            inner.index.read(|view| view.get(&key))?.map(|entry| read_body(inner, &entry)).transpose()
        })
        .await
    }

    /// Keeps a policy and its Enrollment; durable on return. Verifies both signatures; the leaf's proof is the camera's to judge.
    ///
    /// # Errors
    /// [`StoreError::StalePolicy`] when its version or `prev_hash` does not follow the newest one; [`StoreError::OtherOwner`];
    /// [`StoreError::BadSignature`]; [`StoreError::Malformed`].
    pub async fn put_policy(
        &self,
        enrollment: &[u8],
        bundle: &PolicyBundle,
        received_us: u64,
    ) -> Result<(), StoreError> {
        check_size("an enrollment", enrollment.len(), limits::POLICY)?;
        check_size("a policy leaf", bundle.leaf.len(), limits::LEAF)?;
        check_size("a policy proof", bundle.proof.len(), limits::PROOF)?;
        let enrolled = Enrollment::decode_verified(enrollment).map_err(refused)?;
        let signed =
            SignedOwnerPolicy::decode_verified(&bundle.policy, &enrolled.owner_root_pk).map_err(refused)?;
        let policy = signed.unverified();
        if policy.camera_id != enrolled.camera_id() {
            return Err(StoreError::Malformed(
                "the policy is for another camera than the enrollment".to_owned(),
            ));
        }
        let mut w = Writer::new();
        w.bytes(enrollment).bytes(&bundle.policy).bytes(&bundle.leaf).bytes(&bundle.proof);
        let body = Bytes::from(w.finish());
        let header = Header {
            duration_us: u64::from(policy.retention_days) * DAY_US,
            ..Header::new(Kind::Policy, policy.camera_id, u64::from(policy.version), received_us, &body)
        };
        let facts = policy_facts(&body)?;
        self.put(Put { policy: Some(facts), ..Put::new(header, body) }).await
    }

    /// The policy of a camera with this hash; the newest for `None`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] or a failing disk.
    pub async fn policy(
        &self,
        camera_id: CameraId,
        hash: Option<[u8; 32]>,
    ) -> Result<Option<StoredPolicy>, StoreError> {
        self.blocking(move |inner| {
            let entry = inner.index.read(|view| match hash {
                None => view.newest_policy(camera_id),
                Some(hash) => match view.policy_version(camera_id, &hash)? {
                    Some(version) => view.get(&key(Kind::Policy, camera_id, TrackId(0), version)),
                    None => Ok(None),
                },
            })?;
            entry.map(|entry| parse_policy(&read_body(inner, &entry)?)).transpose()
        })
        .await
    }

    /// Mirrors a trustee's keys of a day; durable on return. A later bundle replaces an earlier one: whom to believe is the reader's
    /// to judge, by the bundle's leaf.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] or a failing disk.
    pub async fn put_day_keys(
        &self,
        trustee: &str,
        day: Day,
        bundle: &[u8],
        received_us: u64,
    ) -> Result<(), StoreError> {
        check_size("a trustee's name", trustee.len(), limits::NAME)?;
        check_size("day keys", bundle.len(), limits::DAY_KEYS)?;
        let mut w = Writer::new();
        w.bytes(trustee.as_bytes()).raw(bundle);
        let body = Bytes::from(w.finish());
        let header = Header::new(Kind::DayKeys, trustee_id(trustee), u64::from(day.0), received_us, &body);
        self.put(Put::new(header, body)).await
    }

    /// The mirrored keys of a day, by trustee.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] or a failing disk.
    pub async fn day_keys(&self, day: Day) -> Result<Vec<NamedObject>, StoreError> {
        self.blocking(move |inner| {
            let entries = inner.index.read(|view| view.day_keys(day, DAY_KEYS_PER_ANSWER))?;
            let mut objects =
                entries.iter().map(|entry| named(inner, entry)).collect::<Result<Vec<_>, StoreError>>()?;
            objects.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(objects)
        })
        .await
    }
}

fn named(inner: &Inner, entry: &Entry) -> Result<NamedObject, StoreError> {
    let body = read_body(inner, entry)?;
    let mut r = Reader::new(&body);
    let name = r.text(limits::NAME, "trustee's name").map_err(malformed)?;
    let bytes = r.take(r.left(), "day keys").map_err(malformed)?.to_vec();
    Ok(NamedObject { name, bytes })
}

fn parse_policy(body: &[u8]) -> Result<StoredPolicy, StoreError> {
    let read = || {
        let mut r = Reader::new(body);
        let enrollment = r.bytes(limits::POLICY, "enrollment")?.to_vec();
        let policy = r.bytes(limits::POLICY, "policy")?.to_vec();
        let leaf = r.bytes(limits::LEAF, "policy leaf")?.to_vec();
        let proof = r.bytes(limits::PROOF, "policy proof")?.to_vec();
        r.finish()?;
        Ok(StoredPolicy { enrollment, bundle: PolicyBundle { policy, leaf, proof } })
    };
    read().map_err(malformed)
}

/// What a stored policy's body says of its place among the others.
pub(super) fn policy_facts(body: &[u8]) -> Result<PolicyFacts, StoreError> {
    let stored = parse_policy(body)?;
    let signed = SignedOwnerPolicy::decode(&stored.bundle.policy).map_err(malformed)?;
    let owner = Enrollment::decode_verified(&stored.enrollment).map_err(refused)?.owner_root_pk;
    Ok(PolicyFacts { hash: signed.hash(), prev_hash: signed.unverified().prev_hash, owner })
}

fn malformed(error: DecodeError) -> StoreError {
    StoreError::Malformed(error.to_string())
}

fn refused(error: ObjectError) -> StoreError {
    match error {
        ObjectError::Signature(error) => StoreError::BadSignature(error.to_string()),
        error => StoreError::Malformed(error.to_string()),
    }
}
