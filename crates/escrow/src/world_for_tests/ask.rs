//! Requests as an agency or an owner composes them.

use super::*;
use crate::record::Line;
use crate::record::{Country, Word};
use std::ops::Range;

/// The order of a court.
pub(crate) const ORDER: &[u8] = b"%PDF-1.7 The court orders";

/// A request to be composed.
pub(crate) struct Ask {
    pub(crate) kind: Kind,
    pub(crate) id: EntryId,
    pub(crate) time: u64,
    pub(crate) epochs: Range<usize>,
    pub(crate) details: Details,
    pub(crate) signers: Vec<Signer>,
    /// The day of the notice key under which the label is; none: that of the first epoch.
    pub(crate) label_day: Option<Day>,
    /// Applied to the leaf before it is signed.
    pub(crate) alter: fn(&mut Request),
    pub(crate) release_key: SecretKey,
}

impl World {
    /// An ordinary request for the first three epochs, complete and signed by whoever must.
    pub(crate) fn ask(&self, kind: Kind) -> Ask {
        let line = |text: &str, of: &[Kind]| of.contains(&kind).then(|| Line::new(text).unwrap());
        let (emergency, legal) = (&[Kind::Emergency][..], &[Kind::Legal][..]);
        let agency = &[Kind::Emergency, Kind::Legal][..];
        let details = Details {
            camera_id: self.camera.id(),
            track: TrackId(0),
            first_epoch: media::id::EpochNo(FIRST_EPOCH),
            last_epoch: media::id::EpochNo(FIRST_EPOCH + 2),
            agency: kind.is_by_agency().then(|| name("police.example")),
            officer: line("Sgt. Byron", agency),
            badge: line("1182", agency),
            supervisor: line("Lt. Curie", agency),
            call_back: line("14:02 UTC, the published number", emergency),
            case_number: line("2027-8812", agency),
            court: line("district court", legal),
            order: legal.contains(&kind).then_some(Hash::of(&[ORDER])),
            grounds: line("a burglary next door", &[Kind::Legal, Kind::Recovery]),
            in_danger: line("a boy of 4", emergency),
            urgency: line("every minute counts", emergency),
            no_order: line("the court is closed", emergency),
            purpose: line("the number plate", emergency),
            recipient: line("the neighbour", &[Kind::OwnerShare]),
        };
        let signers = match kind {
            Kind::Emergency => std::vec![officer(), supervisor(), sponsor()],
            Kind::Legal => std::vec![officer(), supervisor(), sponsor()],
            Kind::Recovery => std::vec![recovery(), sponsor()],
            Kind::OwnerShare => std::vec![sponsor()],
        };
        Ask {
            kind,
            id: EntryId([81; 16]),
            time: NOW - 60,
            epochs: 0..3,
            details,
            signers,
            label_day: None,
            alter: |_| {},
            release_key: SecretKey::new([82; 32]),
        }
    }

    /// Composes, signs and logs a request; the package for it, with a fresh proof.
    pub(crate) fn log_request(&mut self, ask: &Ask) -> Package {
        let opens = &self.camera.opens[ask.epochs.clone()];
        let contexts: Vec<_> = opens.iter().map(|open| open.unverified().context.clone()).collect();
        let day = contexts.first().map_or(START_US.day(), EpochContext::day);
        let by_agency = ask.kind.is_by_agency();
        let basis = if ask.kind == Kind::Legal { "court-order" } else { "danger-of-death" };
        let sealed = ask.details.seal(&self.camera.audit().public(), &ask.id, &mut self.rng).unwrap();
        let mut request = Request {
            id: ask.id,
            kind: ask.kind,
            sponsor: name("relay.example"),
            agency: by_agency.then(|| name("police.example")),
            country: by_agency.then(|| Country::new("US").unwrap()),
            basis: by_agency.then(|| Word::new(basis).unwrap()),
            span: Span::of_epochs(contexts.iter().map(|context| context.dur_ms))
                .unwrap_or(Span::from_secs(60).unwrap()),
            needs: if ask.kind == Kind::OwnerShare { 0 } else { THRESHOLD.into() },
            incident: None,
            policy: self.rules.hash(),
            release_key: Hash::of(&[&ask.release_key.public()]),
            label: Hash(self.camera.notice_key(ask.label_day.unwrap_or(day)).label(ask.id.as_bytes())),
            details: sealed.details,
            details_key: sealed.wrapped,
            time: Seconds(ask.time),
        };
        (ask.alter)(&mut request);
        let signers: Vec<&Signer> = ask.signers.iter().collect();
        let leaf = Signed::sign(request, &signers).unwrap();
        let (index, leaf) = self.add(&leaf);
        Package {
            leaf: leaf.entry_bytes().to_vec(),
            proof: self.log.proof(index, 4, self.time).encode(),
            release_key: ask.release_key.public(),
            details_key: sealed.key,
            order: ask.details.order.map(|_| ORDER.to_vec()).unwrap_or_default(),
            enrollment: self.camera.enrollment.clone(),
            policy: self.policy.clone(),
            notices: self.camera.notices.clone(),
            opens: self.camera.opens[ask.epochs.clone()].iter().map(|open| open.bytes().to_vec()).collect(),
        }
    }
}
