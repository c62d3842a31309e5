//! What is kept beside the video: EpochOpens, DayNotices, policies, settings and mirrored day keys.

use crate::contract::Span;
use crate::error::StoreError;
use crate::policy::{self, PolicyFacts, malformed, refused};
use crate::record::{DAY_US, Header, Key, Kind};
use crate::store::{Store, check_size};
use bytes::Bytes;
use media::codec;
use media::enrollment::Enrollment;
use media::epoch::SignedEpochOpen;
use media::id::{CameraId, Day, EpochNo, TrackId};
use media::message::NamedObject;
use media::pair::{HeldPolicy, PolicyBundle};
use media::policy::SignedOwnerPolicy;
use media::time::Micros;
use media::{limits, sign};

/// Trustees' bundles in one answer, as `media::message` bounds it.
const DAY_KEYS_PER_ANSWER: usize = limits::TRUSTEES * 4;
/// The longest an epoch may be planned, microseconds.
pub(crate) const EPOCH_MAX_US: u64 = limits::EPOCH_SECONDS.1 as u64 * 1_000_000;

/// EpochOpens of a range, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochOpens {
    pub opens: Vec<Bytes>,
    /// Whether the range holds further ones after the last.
    pub more: bool,
}

impl Store {
    /// Keeps an EpochOpen, whose signature the caller has verified; durable on return.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when another one has its number; [`StoreError::Malformed`] when it is
    /// longer than an epoch may be.
    pub async fn put_epoch_open(
        &self,
        open: &SignedEpochOpen,
        received_us: Micros,
    ) -> Result<(), StoreError> {
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
            ..Header::new(Kind::EpochOpen, context.camera_id, context.epoch_no.0, received_us)
        };
        self.keep(header, open.bytes().to_vec().into(), None).await
    }

    /// The first `limit` EpochOpens that overlap `from_us..to_us`, in order of their numbers, from
    /// `from` on.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] or a failing place.
    pub async fn epoch_opens(
        &self,
        camera_id: CameraId,
        track: TrackId,
        from_us: Micros,
        to_us: Micros,
        from: EpochNo,
        limit: usize,
    ) -> Result<EpochOpens, StoreError> {
        let span = Span { kind: Kind::EpochOpen, camera_id, track, from_us, to_us };
        let mut entries = Vec::new();
        let mut cursor = Some(from.0);
        // One more than is wanted tells whether there is more.
        while let Some(from) = cursor.filter(|_| entries.len() <= limit) {
            let page = self.backend.page(span, from, limit.saturating_add(1) - entries.len()).await?;
            entries.extend(page.entries);
            cursor = page.next;
        }
        let more = entries.len() > limit;
        let mut opens = Vec::with_capacity(entries.len().min(limit));
        for entry in entries.into_iter().take(limit) {
            opens.push(self.backend.read(entry).await?);
        }
        Ok(EpochOpens { opens, more })
    }

    /// # Errors
    /// [`StoreError::Damaged`] or a failing place.
    pub async fn epoch_open(
        &self,
        camera_id: CameraId,
        track: TrackId,
        epoch_no: EpochNo,
    ) -> Result<Option<Bytes>, StoreError> {
        self.object(Key { kind: Kind::EpochOpen, camera_id, track, number: epoch_no.0 }).await
    }

    /// The highest number of a track's EpochOpens.
    ///
    /// # Errors
    /// [`StoreError::Index`].
    pub async fn newest_epoch(
        &self,
        camera_id: CameraId,
        track: TrackId,
    ) -> Result<Option<EpochNo>, StoreError> {
        Ok(self.backend.newest_open(camera_id, track).await?.map(|entry| entry.header.epoch_no))
    }

    async fn object(&self, key: Key) -> Result<Option<Bytes>, StoreError> {
        match self.backend.get(key).await? {
            Some(entry) => self.backend.read(entry).await.map(Some),
            None => Ok(None),
        }
    }

    /// Keeps a DayNotice with its key (`HeldNotice`) that the caller has verified; durable on
    /// return. One that is sealed to more trustees takes the place of the one before.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when another one stands for the day.
    pub async fn put_day_notice(
        &self,
        camera_id: CameraId,
        day: Day,
        held: Bytes,
        received_us: Micros,
    ) -> Result<(), StoreError> {
        check_size("a DayNotice", held.len(), limits::DAY_NOTICE + 64)?;
        let header = Header::new(Kind::DayNotice, camera_id, u64::from(day.0), received_us);
        self.keep(header, held.into(), None).await
    }

    /// # Errors
    /// [`StoreError::Damaged`] or a failing place.
    pub async fn day_notice(&self, camera_id: CameraId, day: Day) -> Result<Option<Bytes>, StoreError> {
        let key = Key { kind: Kind::DayNotice, camera_id, track: TrackId(0), number: u64::from(day.0) };
        self.object(key).await
    }

    /// Keeps what is asked of a camera, which the caller has verified, in place of what has a lower
    /// number; durable on return.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when something else of this number or a higher one stands.
    pub async fn put_settings(
        &self,
        camera_id: CameraId,
        number: u64,
        signed: Vec<u8>,
        received_us: Micros,
    ) -> Result<(), StoreError> {
        check_size("settings", signed.len(), limits::SETTINGS)?;
        let header =
            Header { start_us: Micros(number), ..Header::new(Kind::Settings, camera_id, 0, received_us) };
        self.keep(header, Bytes::from(signed).into(), None).await
    }

    /// What is asked of a camera.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] or a failing place.
    pub async fn settings(&self, camera_id: CameraId) -> Result<Option<Bytes>, StoreError> {
        self.object(Key { kind: Kind::Settings, camera_id, track: TrackId(0), number: 0 }).await
    }

    /// Keeps a policy and its Enrollment; durable on return. Verifies both signatures; the leaf's
    /// proof is the camera's to judge.
    ///
    /// # Errors
    /// [`StoreError::StalePolicy`] when its version or `prev_hash` does not follow the newest one;
    /// [`StoreError::OtherOwner`]; [`StoreError::BadSignature`]; [`StoreError::Malformed`].
    pub async fn put_policy(
        &self,
        enrollment: &[u8],
        bundle: &PolicyBundle,
        received_us: Micros,
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
        let facts =
            PolicyFacts { hash: signed.hash(), prev_hash: policy.prev_hash, owner: enrolled.owner_root_pk };
        let header = Header {
            duration_us: u64::from(policy.retention_days) * DAY_US,
            ..Header::new(Kind::Policy, policy.camera_id, u64::from(policy.version), received_us)
        };
        let held = HeldPolicy { enrollment: enrollment.to_vec(), bundle: bundle.clone() };
        self.keep(header, codec::encode_bare(&held).into(), Some(facts)).await
    }

    /// The policy of a camera with this hash; the newest for `None`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] or a failing place.
    pub async fn policy(
        &self,
        camera_id: CameraId,
        hash: Option<[u8; 32]>,
    ) -> Result<Option<HeldPolicy>, StoreError> {
        match self.backend.policy(camera_id, hash).await? {
            Some(entry) => policy::read(&self.backend.read(entry).await?).map(Some),
            None => Ok(None),
        }
    }

    /// Mirrors a trustee's keys of a day; durable on return. A later bundle replaces an earlier
    /// one: whom to believe is the reader's to judge, by the bundle's leaf.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] or a failing place.
    pub async fn put_day_keys(
        &self,
        trustee: &str,
        day: Day,
        bundle: &[u8],
        received_us: Micros,
    ) -> Result<(), StoreError> {
        check_size("a trustee's name", trustee.len(), limits::NAME)?;
        check_size("day keys", bundle.len(), limits::DAY_KEYS)?;
        let object = NamedObject { name: trustee.to_owned(), bytes: bundle.to_vec() };
        // What stands in for a camera.
        let trustee = CameraId(sign::sha256(&[b"candor relay trustee\0", trustee.as_bytes()]));
        let header = Header::new(Kind::DayKeys, trustee, u64::from(day.0), received_us);
        self.keep(header, codec::encode_bare(&object).into(), None).await
    }

    /// The mirrored keys of a day, by trustee.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] or a failing place.
    pub async fn day_keys(&self, day: Day) -> Result<Vec<NamedObject>, StoreError> {
        let mut objects = Vec::new();
        for entry in self.backend.day_keys(day, DAY_KEYS_PER_ANSWER).await? {
            let body = self.backend.read(entry).await?;
            objects.push(codec::decode_bare::<NamedObject>(&body).map_err(malformed)?);
        }
        objects.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(objects)
    }
}
