//! Requests: the one that is granted, and a crowd of earlier ones about other cameras.

use super::{FIRST, NOW, World, name, officer, other_officer, other_supervisor, sponsor, supervisor};
use escrow::details::{Details, Line};
use escrow::package::Package;
use escrow::record::{Country, EntryId, Kind, Request, Signed, Span, Time, Word};
use media::id::{Day, EpochNo, TrackId};
use media::notice::DayNotice;
use seal::hpke::SecretKey;
use seal::notice::NoticeKey;
use tlog::{Entry as _, Hash};

impl World {
    /// A logged emergency request for the first epochs, and its package.
    pub(crate) fn ask(
        &mut self,
        id: EntryId,
        epochs: usize,
        release_key: &SecretKey,
    ) -> (Signed<Request>, Package) {
        let line = |text: &str| Some(Line::new(text).unwrap());
        let details = Details {
            camera_id: self.enrollment().camera_id(),
            track: TrackId(0),
            first_epoch: EpochNo(FIRST),
            last_epoch: EpochNo(FIRST + epochs as u64 - 1),
            agency: Some(name("police.example")),
            officer: line("Sgt. A. Byron"),
            badge: line("1182"),
            supervisor: line("Lt. M. Curie"),
            call_back: line("14:02 UTC, the published number"),
            case_number: line("2026-8812"),
            court: None,
            order: None,
            grounds: None,
            in_danger: line("a boy of 4, taken by an unknown man"),
            urgency: line("every minute counts"),
            no_order: line("the court is closed until Monday"),
            purpose: line("the car's number plate"),
            recipient: None,
        };
        let request = Request {
            id,
            kind: Kind::Emergency,
            sponsor: name("relay.example"),
            agency: Some(name("police.example")),
            country: Country::new("US"),
            basis: Word::new("danger-of-death"),
            span: Span::of_epochs((0..epochs).map(|_| 60_000)).unwrap(),
            policy: self.rules.hash(),
            release_key: Hash::of(&[&release_key.public()]),
            label: Hash(self.notice().label(id.as_bytes())),
            details: details.seal(self.notice(), &id).unwrap(),
            time: Time(NOW - 60),
        };
        let leaf = Signed::sign(request, &[&officer(), &supervisor(), &sponsor()]).unwrap();
        let index = self.add(&leaf);
        let camera_id = self.enrollment().camera_id();
        let notice = |(day, key): &(Day, NoticeKey)| {
            DayNotice { camera_id, day: *day, notice_key: *key.expose() }.sign(&self.camera)
        };
        let package = Package {
            leaf: leaf.entry_bytes().to_vec(),
            proof: self.proof(index).encode(),
            first_proof: Vec::new(),
            release_key: release_key.public(),
            enrollment: self.enrollment().sign(&self.owner),
            policy: self.policy.clone(),
            notices: self.notices.iter().map(notice).collect(),
            opens: self.opens[..epochs].iter().map(|open| open.bytes().to_vec()).collect(),
        };
        (leaf, package)
    }

    /// So many more emergencies in the log, by another agency, about cameras that are not this one.
    pub(crate) fn crowd(&mut self, requests: usize) {
        let (sample, _) = self.ask(EntryId([79; 16]), 1, &SecretKey::new([78; 32]));
        let (officer, supervisor, sponsor) = (other_officer(), other_supervisor(), sponsor());
        for _ in 0..requests {
            let request = Request {
                id: EntryId(host::rng::bytes()),
                agency: Some(name("sheriff.example")),
                label: Hash(host::rng::bytes()),
                ..sample.value().clone()
            };
            self.add(&Signed::sign(request, &[&officer, &supervisor, &sponsor]).unwrap());
        }
    }
}
