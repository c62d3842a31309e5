//! The owner's side of the log: leaf after leaf, what concerns own cameras and what became of it.
//! Pure.
//!
//! ```text
//! leaf ── label, tried with the notice key of every own camera-day ──>  a finding: request or policy
//!      ── request index and leaf hash of a finding ─────────────────>  a grant, refusal, ratification, ... of it
//! ```
//!
//! A leaf that refers to a request always stands after it, so that one pass tells all. What earlier
//! audits found goes on: a grant that is logged later is counted then.

use super::{Row, State};
use crate::book::notice::CameraDay;
use crate::book::{Finding, FoundKind, Remark, Stored, StoredCamera, StoredDayKey};
use crate::live::policy::Policies;
use escrow::daykeys::is_kept_within;
use escrow::details::{Details, owner_key};
use escrow::record::{
    DayKeysLeaf, EntryId, Grant, KeyDestroyed, KeyEnd, Leaf, OwnerPolicyLeaf, Request, Seconds, Signed,
};
use escrow::register::Register;
use media::id::{CameraId, Day};
use media::sign::sha256;
use seal::hpke::SecretKey;
use std::collections::{BTreeMap, BTreeSet};
use tlog::Hash;
use tlog::note::Verifier;

/// The most remarks on one leaf by one trustee, and by all strangers together: whoever may write to
/// the log could add more without end, and none of them crowds out another.
const MAX_REMARKS: usize = 16;
/// For so many days the keys of days are kept: longer than any footage is.
const KEPT_DAYS: u32 = 400;

/// What was found so far.
pub(super) struct Ledger {
    days: Vec<CameraDay>,
    /// By which the owner reads details.
    audit: SecretKey,
    cameras: BTreeMap<CameraId, (String, Policies)>,
    /// SHA-256 of the text of each own leaf, hex, by entry id, hex.
    own: BTreeMap<String, String>,
    /// When the head being read to was cosigned.
    when: u64,
    /// When each leaf that was found before came to the owner's notice, by its hash.
    first_seen: BTreeMap<String, u64>,
    findings: BTreeMap<u64, Finding>,
    /// What trustees of own policies logged of their keys of days, in the log's order.
    day_keys: Vec<StoredDayKey>,
    /// The verifier keys of the trustees of own policies.
    trustees: BTreeSet<String>,
    undecided: bool,
}

impl Ledger {
    /// Goes on from what the book knows.
    pub(super) fn new(
        book: &Stored,
        days: Vec<CameraDay>,
        audit: SecretKey,
        when: u64,
    ) -> Result<Self, crate::book::BookError> {
        let of = |camera: &StoredCamera| Ok((camera.camera_id, (camera.name.clone(), Policies::of(camera)?)));
        let cameras = book.cameras.iter().map(of);
        let cameras = cameras.collect::<Result<BTreeMap<_, (_, Policies)>, crate::book::BookError>>()?;
        let trustees = cameras.values().flat_map(|(_, policies)| policies.trustees());
        Ok(Self {
            days,
            audit,
            trustees: trustees.map(str::to_owned).collect(),
            undecided: false,
            cameras,
            own: book.own.iter().map(|own| (own.id.clone(), own.text_sha256.clone())).collect(),
            when,
            first_seen: book.findings.iter().map(|found| (found.leaf_hash.clone(), found.when)).collect(),
            findings: book.findings.iter().map(|finding| (finding.leaf_index, finding.clone())).collect(),
            day_keys: book.day_keys.clone(),
        })
    }

    /// The same before a log that is read from its start again: what is found in it is found anew, and
    /// was seen when it was.
    pub(super) fn afresh(self) -> Self {
        Self { findings: BTreeMap::new(), day_keys: Vec::new(), ..self }
    }

    /// Takes the next verified entry of the log.
    pub(super) fn take(&mut self, index: u64, entry: &[u8]) {
        // What is no leaf of this version concerns nobody.
        let Ok(leaf) = Signed::<Leaf>::parse(entry) else { return };
        match leaf.value() {
            Leaf::Request(request) => self.request(index, &leaf, request),
            Leaf::Policy(policy) => self.policy(index, &leaf, policy),
            Leaf::Grant(grant) => self.grant(&leaf, grant),
            Leaf::Refusal(refusal) => {
                let said = format!("refused by {} ({} {})", refusal.trustee, refusal.step, refusal.reason);
                let trustee = refusal.trustee.as_str();
                if let Some(found) =
                    self.said(refusal.request_index, &refusal.request, (&leaf, trustee), said)
                {
                    found.refused_by.insert(trustee.to_owned());
                }
            }
            Leaf::ShareBad(bad) => {
                let said = format!("{} says that a share was bad", bad.trustee);
                self.said(bad.request_index, &bad.request, (&leaf, bad.trustee.as_str()), said);
            }
            // Whether their keys count is a matter of the whole log: [`Self::judge`] says it.
            Leaf::Ratification(said) => self.doubt(said.request_index, &said.request),
            Leaf::Veto(said) => self.doubt(said.request_index, &said.request),
            Leaf::DayKeys(keys) => self.day_key(&leaf, keys),
            Leaf::KeyDestroyed(said) => self.key_ended(&leaf, said),
            // Of no camera, or of every camera alike.
            Leaf::RequesterKey(_) | Leaf::PolicyDoc(_) => {}
        }
    }

    /// The findings, in the log's order, and the keys of days of the last year.
    pub(super) fn into_kept(mut self) -> (Vec<Finding>, Vec<StoredDayKey>) {
        let since = Seconds(self.when).day().0.saturating_sub(KEPT_DAYS);
        self.day_keys.retain(|key| key.day >= since);
        (self.findings.into_values().collect(), self.day_keys)
    }

    /// The first key of a day counts, and a later one once the one before it is lost, as the register
    /// counts; within the longest bound of own policies, for want of the rules.
    fn day_key(&mut self, leaf: &Signed<Leaf>, keys: &DayKeysLeaf) {
        let (vkey, day, key_id) = (keys.vkey.verifier().vkey(), keys.day, keys.key_id.to_hex());
        let longest = self.cameras.values().map(|(_, policies)| policies.longest_day_keys()).max();
        let fits = is_kept_within(Day(day), keys.destroy_by, longest.unwrap_or(0).into());
        if !fits || !self.trustees.contains(&vkey) || !is_by_alone(leaf, keys.vkey.verifier()) {
            return;
        }
        let mut known = self.day_keys.iter().filter(|key| (&key.vkey, key.day) == (&vkey, day));
        let is_known = known.clone().any(|key| key.key_id == key_id);
        let last = known.next_back();
        if !is_known && last.is_none_or(|key| key.ended.as_deref() == Some(KeyEnd::Lost.word())) {
            let destroy_by = keys.destroy_by.0;
            self.day_keys.push(StoredDayKey { vkey, day, key_id, destroy_by, ended: None });
        }
    }

    fn key_ended(&mut self, leaf: &Signed<Leaf>, said: &KeyDestroyed) {
        let id = said.key_id.to_hex();
        let by = |vkey: &str| Verifier::parse(vkey).is_ok_and(|key| is_by_alone(leaf, &key));
        let is_it = |key: &&mut StoredDayKey| {
            (key.day, &key.key_id) == (said.day, &id) && key.ended.is_none() && by(&key.vkey)
        };
        if let Some(key) = self.day_keys.iter_mut().find(is_it) {
            key.ended = Some(said.reason.word().to_owned());
        }
    }

    /// Whose label it is.
    fn whose(&self, id: &EntryId, label: &Hash) -> Option<CameraId> {
        let mut days = self.days.iter();
        days.find(|day| day.key.label(id.as_bytes()) == label.0).map(|day| day.camera_id)
    }

    fn is_own(&self, id: &EntryId, text: &str) -> bool {
        self.own.get(&id.to_hex()).is_some_and(|own| *own == hex::encode(sha256(&[text.as_bytes()])))
    }

    fn finding(&self, index: u64, leaf: &Signed<Leaf>, camera_id: CameraId, kind: FoundKind) -> Finding {
        let leaf_hash = leaf.hash().to_hex();
        Finding {
            leaf_index: index,
            when: self.first_seen.get(&leaf_hash).copied().unwrap_or(self.when),
            leaf_hash,
            camera_id,
            kind,
            agency: None,
            signed: None,
            reason: None,
            incident: None,
            track: 0,
            epochs: None,
            granted_by: Vec::new(),
            refused_by: BTreeSet::new(),
            expected: false,
            remarks: Vec::new(),
        }
    }

    fn request(&mut self, index: u64, leaf: &Signed<Leaf>, request: &Request) {
        let Some(camera_id) = self.whose(&request.id, &request.label) else { return };
        let mut found = self.finding(index, leaf, camera_id, FoundKind::Request(request.kind));
        found.agency = request.agency.as_ref().map(ToString::to_string);
        found.reason = request.basis.as_ref().map(ToString::to_string);
        found.incident = request.incident.as_ref().map(Hash::to_base64);
        // An agency's request is never the owner's own, whatever its id.
        found.expected = !request.kind.is_by_agency() && self.is_own(&request.id, leaf.text());
        let opened = owner_key(request, &self.audit).and_then(|key| Details::open(&request.details, &key));
        match opened {
            Ok(details) => read_details(&mut found, request, &details),
            Err(error) => remark(&mut found, Remark::own(&format!("its details do not open: {error}"))),
        }
        self.undecided |= request.kind.is_by_agency();
        self.findings.insert(index, found);
    }

    fn policy(&mut self, index: u64, leaf: &Signed<Leaf>, policy: &OwnerPolicyLeaf) {
        let Some(camera_id) = self.whose(&policy.id, &policy.label) else { return };
        let mut found = self.finding(index, leaf, camera_id, FoundKind::Policy);
        found.expected = self.is_own(&policy.id, leaf.text());
        if !found.expected {
            let text = "this owner did not make it: somebody may be trying to add a viewer";
            remark(&mut found, Remark::own(text));
        }
        self.undecided |= found.expected;
        self.findings.insert(index, found);
    }

    fn grant(&mut self, leaf: &Signed<Leaf>, grant: &Grant) {
        let is_trustee = self.is_by_trustee(grant.request_index, leaf, grant.trustee.as_str());
        let Some(found) = self.named(grant.request_index, &grant.request) else { return };
        let trustee = grant.trustee.to_string();
        if !is_trustee {
            let text = format!("a grant by {trustee}, who is no trustee of this camera, does not count");
            return remark(found, Remark { by: None, counts: false, text });
        }
        // One request is granted once by each: a repetition is the same grant again.
        if found.granted_by.contains(&trustee) {
            return;
        }
        let asked = found.epochs.map(|(first, last)| last.saturating_sub(first).saturating_add(1));
        if asked != Some(u64::from(grant.epochs)) {
            let asked = asked.map_or("unknown".to_owned(), |asked| asked.to_string());
            let text = format!("{trustee} granted {} epochs, the details ask for {asked}", grant.epochs);
            remark(found, Remark { by: Some(trustee.clone()), counts: true, text });
        }
        found.granted_by.push(trustee);
    }

    /// Notes what another leaf says of a request, if it is by the trustee that it names.
    fn said(
        &mut self,
        index: u64,
        hash: &Hash,
        (leaf, trustee): (&Signed<Leaf>, &str),
        said: String,
    ) -> Option<&mut Finding> {
        if !self.is_by_trustee(index, leaf, trustee) {
            return None;
        }
        let found = self.named(index, hash)?;
        remark(found, Remark { counts: true, by: Some(trustee.to_owned()), text: said });
        Some(found)
    }

    fn doubt(&mut self, index: u64, hash: &Hash) {
        self.undecided |= self.named(index, hash).is_some();
    }

    /// Whether something was read of which only the whole log tells whose keys signed it.
    pub(super) fn is_undecided(&self) -> bool {
        self.undecided
    }

    /// Takes over from a register of the whole log whose keys signed, ratified, vetoed; and which of the
    /// policies in it no key signed that counted then.
    pub(super) fn judge(&mut self, register: &Register, unsponsored: &BTreeSet<u64>) {
        for found in self.findings.values_mut() {
            let FoundKind::Request(kind) = found.kind else {
                found.signed = Some(!unsponsored.contains(&found.leaf_index));
                continue;
            };
            let requested = register.request(found.leaf_index);
            let requested = requested.filter(|requested| requested.hash.to_hex() == found.leaf_hash);
            if kind.is_by_agency() {
                found.signed = Some(requested.is_some_and(|requested| requested.authorised));
            }
            let Some(requested) = requested else { continue };
            if requested.ratified_at.is_some() {
                remark(found, Remark::own("ratified by a registered court's key"));
            }
            let camera = self.cameras.get(&found.camera_id);
            if camera.is_some_and(|(_, policies)| requested.vetoed_by.iter().any(|id| policies.lists(id))) {
                remark(found, Remark::own("vetoed by a device of yours"));
            }
        }
    }

    fn named(&mut self, index: u64, hash: &Hash) -> Option<&mut Finding> {
        let found = self.findings.get_mut(&index)?;
        (found.kind.is_asked_of_trustees() && found.leaf_hash == hash.to_hex()).then_some(found)
    }

    /// Whether a trustee of the camera's policies signed.
    fn is_by_trustee(&self, request_index: u64, leaf: &Signed<Leaf>, trustee: &str) -> bool {
        let camera = self.findings.get(&request_index).and_then(|found| self.cameras.get(&found.camera_id));
        let Some((_, policies)) = camera else { return false };
        let mut keys = policies.keys_of(trustee).filter_map(|vkey| Verifier::parse(vkey).ok());
        keys.any(|key| leaf.is_signed_by(&key))
    }

    /// The rows of a report.
    pub(super) fn rows(&self) -> Vec<Row> {
        self.findings.values().map(|found| self.row(found)).collect()
    }

    /// That others of the owner's findings name the same event: together they are a search of it.
    fn of_one_event(&self, found: &Finding) -> Option<String> {
        let incident = found.incident.as_ref()?;
        let same = self.findings.values().filter(|other| other.incident.as_ref() == Some(incident)).count();
        (same > 1).then(|| format!("one of {same} requests of one incident ({incident}) about your cameras"))
    }

    fn row(&self, found: &Finding) -> Row {
        let camera = self.cameras.get(&found.camera_id);
        let needed = camera.map_or(0, |(_, policies)| policies.fewest_shares());
        let grants = u32::try_from(found.granted_by.len()).unwrap_or(u32::MAX);
        // Of all trustees that the camera ever had, so few are left that have not refused.
        let trustees = camera.map_or(0, |(_, policies)| policies.trustees().collect::<BTreeSet<_>>().len());
        let is_refused = trustees.saturating_sub(found.refused_by.len()) < usize::from(needed);
        let state = match grants {
            0 if is_refused => State::Refused,
            0 => State::Asked,
            some if needed > 0 && some >= u32::from(needed) => State::Completed,
            _ => State::Attempted,
        };
        Row {
            when: found.when,
            camera: camera.map_or_else(|| found.camera_id.to_string(), |(name, _)| name.clone()),
            kind: found.kind,
            // Whoever may write to the log can write anybody's name into it.
            agency: found.agency.as_ref().map(|agency| match found.signed {
                Some(false) => format!("NOT signed by registered keys of {agency}"),
                Some(true) | None => agency.clone(),
            }),
            reason: found.reason.clone(),
            track: found.track,
            epochs: found.epochs,
            grants,
            state: found.kind.is_asked_of_trustees().then_some(state),
            leaf_index: found.leaf_index,
            expected: found.expected,
            remarks: {
                // Those that count first.
                let (true_ones, noise): (Vec<_>, Vec<_>) =
                    found.remarks.iter().partition(|remark| remark.counts);
                let said = true_ones.into_iter().chain(noise).map(|remark| remark.text.clone());
                self.of_one_event(found).into_iter().chain(said).collect()
            },
        }
    }
}

/// Whether the first line is this key's, and none follows it but the stamp.
fn is_by_alone(leaf: &Signed<Leaf>, key: &Verifier) -> bool {
    leaf.signatures().len() <= 2 && leaf.is_line_by(0, key)
}

/// What the details add, and where they contradict the public text.
fn read_details(found: &mut Finding, request: &Request, details: &Details) {
    found.track = details.track.0;
    found.epochs = Some((details.first_epoch.0, details.last_epoch.0));
    let stated = details.grounds.as_ref().or(details.in_danger.as_ref()).or(details.recipient.as_ref());
    let words = stated.map(|line| line.as_str());
    found.reason = match (found.reason.take(), words) {
        (Some(basis), Some(words)) => Some(format!("{basis}: {words}")),
        (basis, words) => basis.or(words.map(str::to_owned)),
    };
    if details.camera_id != found.camera_id {
        remark(found, Remark::own("its details name another camera than its label"));
    }
    if details.agency != request.agency {
        remark(found, Remark::own("its details name another agency than its public text"));
    }
    if details.last_epoch < details.first_epoch {
        remark(found, Remark::own("its details name no epochs"));
    }
    if !details.is_complete_for(request.kind) {
        remark(found, Remark::own("its details lack what this kind of request must state"));
    }
}

impl Remark {
    /// The audit's own.
    fn own(text: &str) -> Self {
        Self { by: None, counts: true, text: text.to_owned() }
    }
}

fn remark(found: &mut Finding, remark: Remark) {
    let same = |other: &&Remark| (&other.by, other.counts) == (&remark.by, remark.counts);
    if found.remarks.iter().filter(same).count() < MAX_REMARKS && !found.remarks.contains(&remark) {
        found.remarks.push(remark);
    }
}

#[cfg(test)]
mod tests;
