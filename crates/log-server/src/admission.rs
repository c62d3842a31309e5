//! Who may add a leaf: whoever signed it with a key the configuration names, within that key's
//! rate. The log reads signatures, never content.

use crate::config::Submitter;
use crate::error::Error;
use host::http::Failure;
use host::lock::Mutex;
use host::rate::Bucket;
use std::time::Instant;
use tlog::Hash;
use tlog::note::{NoteError, UnverifiedNote, Verifier};
use tlog::stamp::{self, StampError, StampKey};

/// The largest leaf that is taken; an entry has 32 KiB with its stamp (log.md#admission).
pub const MAX_LEAF_BYTES: usize = stamp::SUBMITTED_MAX_BYTES;

/// The configured submitters and what each has left.
#[derive(Debug)]
pub(crate) struct Admission {
    submitters: Vec<(Verifier, Mutex<Bucket>)>,
    stamp: StampKey,
}

/// A leaf that a submitter signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Admitted {
    submitter: usize,
    /// The hash of its text, by which the log knows it.
    pub text: Hash,
    /// Whether it can be stamped; an entry that is sent again has its stamp already.
    fits: Result<(), StampError>,
}

impl Admission {
    pub(crate) fn new(submitters: &[Submitter], stamp: StampKey, now: Instant) -> Result<Self, Error> {
        let submitters = submitters
            .iter()
            .map(|submitter| match Verifier::parse(&submitter.vkey) {
                Ok(key) => Ok((key, Mutex::new(Bucket::new(submitter.per_minute, submitter.burst, now)))),
                Err(source) => Err(Error::SubmitterKey { vkey: submitter.vkey.clone(), source }),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { submitters, stamp })
    }

    /// The first submitter that signed this leaf.
    pub(crate) fn admit(&self, leaf: &[u8]) -> Result<Admitted, Failure> {
        if leaf.len() > stamp::ENTRY_MAX_BYTES {
            return Err(too_large());
        }
        let note = UnverifiedNote::parse(leaf)
            .map_err(|error| Failure::new(400, "not-a-note", format!("send a C2SP signed note: {error}")))?;
        for (place, (key, _)) in self.submitters.iter().enumerate() {
            match note.verify_one(key) {
                Ok(_) => {
                    let (text, fits) = (stamp::text_hash(&note), stamp::check_leaf(&note, &self.stamp));
                    return Ok(Admitted { submitter: place, text, fits });
                }
                Err(NoteError::NoKnownKey) => {}
                Err(error) => {
                    // SPEC: log.md#admission: a bad signature by a submitter MUST refuse the leaf.
                    return Err(Failure::new(
                        403,
                        "bad-signature",
                        format!("sign the leaf's exact text again: {error}"),
                    ));
                }
            }
        }
        let advice = "none of the keys that signed the leaf is a submitter of this log: its operator must list the signer's verifier key under [[submitters]] in the log's configuration (for owners and requesters the relay's is there: send the leaf through the relay)";
        Err(Failure::new(403, "unknown-submitter", advice))
    }

    /// Takes one new leaf from the submitter's rate.
    pub(crate) fn spend(&self, admitted: &Admitted, now: Instant) -> Result<(), Failure> {
        match &admitted.fits {
            Ok(()) => {}
            Err(StampError::NoRoom) => return Err(too_large()),
            Err(StampError::Second | StampError::Missing | StampError::Bad | StampError::Note(_)) => {
                let advice =
                    "the leaf bears a stamp already, and is not in this log: send it as its signers made it";
                return Err(Failure::new(400, "stamped", advice));
            }
        }
        let Some((key, rate)) = self.submitters.get(admitted.submitter) else { return Ok(()) };
        rate.lock().take(now).map_err(|pause| {
            let advice =
                format!("{} has used up its rate; send again in {} s", key.name(), pause.as_secs() + 1);
            Failure::new(429, "rate", advice)
        })
    }
}

fn too_large() -> Failure {
    let advice = format!("a leaf has at most {MAX_LEAF_BYTES} bytes and 63 signature lines");
    Failure::new(413, "leaf-too-large", advice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tlog::note::{self, Signer};

    fn key(name: &str, seed: u8) -> Signer {
        Signer::from_seed(name, &[seed; 32]).unwrap()
    }

    fn leaf(text: &str, signers: &[&Signer]) -> Vec<u8> {
        note::sign(text, signers).unwrap().encode()
    }

    fn log() -> Signer {
        key("log.example", 9)
    }

    fn admission(now: Instant) -> Admission {
        let submitter =
            |signer: &Signer| Submitter { vkey: signer.verifier().vkey(), per_minute: 60, burst: 2 };
        let submitters = [submitter(&key("relay.example", 1)), submitter(&key("trustee.example", 2))];
        Admission::new(&submitters, StampKey::of(&log().verifier()).unwrap(), now).unwrap()
    }

    #[test]
    fn a_leaf_is_admitted_by_who_signed_it() {
        let admission = admission(Instant::now());
        let (relay, trustee, stranger) =
            (key("relay.example", 1), key("trustee.example", 2), key("police.example/7", 3));
        let by = |bytes: &[u8]| admission.admit(bytes).unwrap().submitter;
        assert_eq!(by(&leaf("a\n", &[&relay])), 0);
        assert_eq!(by(&leaf("a\n", &[&stranger, &trustee])), 1);
        let refused = |bytes: &[u8]| {
            let failure = admission.admit(bytes).unwrap_err();
            (failure.status, failure.error)
        };
        assert_eq!(refused(&leaf("a\n", &[&stranger])), (403, "unknown-submitter".to_owned()));
        // The submitter's name with another key is a stranger; its key over another text is a bad
        // signature.
        assert_eq!(refused(&leaf("a\n", &[&key("relay.example", 9)])).1, "unknown-submitter");
        let moved = String::from_utf8(leaf("a\n", &[&relay])).unwrap().replacen("a\n", "b\n", 1);
        assert_eq!(refused(moved.as_bytes()), (403, "bad-signature".to_owned()));
        for garbage in [&b""[..], b"\n", b"text", &[0xff; 40], b"a\n\n\xe2\x80\x94 relay.example !!!\n"] {
            assert_eq!(refused(garbage), (400, "not-a-note".to_owned()));
        }
        assert_eq!(refused(&vec![b'a'; stamp::ENTRY_MAX_BYTES + 1]), (413, "leaf-too-large".to_owned()));
    }

    #[test]
    fn what_cannot_be_stamped_is_refused_before_it_is_queued() {
        let now = Instant::now();
        let (admission, relay) = (admission(now), key("relay.example", 1));
        let refused = |leaf: &[u8]| {
            let failure = admission.spend(&admission.admit(leaf).unwrap(), now).unwrap_err();
            (failure.status, failure.error)
        };
        let large = leaf(&format!("{}\n", "x".repeat(MAX_LEAF_BYTES)), &[&relay]);
        assert_eq!(refused(&large), (413, "leaf-too-large".to_owned()));
        let crowd: Vec<Signer> = (0..63).map(|n| key(&format!("k{n}.example"), n)).collect();
        let crowd: Vec<&Signer> = crowd.iter().chain([&relay]).collect();
        assert_eq!(refused(&leaf("a\n", &crowd)), (413, "leaf-too-large".to_owned()));
        let stamped = note::sign("a\n", &[&relay]).unwrap();
        let stamped = stamp::stamp(&log(), stamped, 7).unwrap().encode();
        assert_eq!(refused(&stamped), (400, "stamped".to_owned()));
    }

    #[test]
    fn each_submitter_has_its_own_rate() {
        let now = Instant::now();
        let admission = admission(now);
        let by = |name, seed| admission.admit(&leaf("a\n", &[&key(name, seed)])).unwrap();
        let (relay, trustee) = (by("relay.example", 1), by("trustee.example", 2));
        assert_eq!((admission.spend(&relay, now), admission.spend(&relay, now)), (Ok(()), Ok(())));
        let failure = admission.spend(&relay, now).unwrap_err();
        assert_eq!((failure.status, failure.error.as_str()), (429, "rate"));
        assert_eq!(admission.spend(&trustee, now), Ok(()));
        assert_eq!(admission.spend(&relay, now + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn a_key_that_is_none_is_named() {
        let bad = [Submitter { vkey: "relay.example".to_owned(), per_minute: 1, burst: 1 }];
        let error =
            Admission::new(&bad, StampKey::of(&log().verifier()).unwrap(), Instant::now()).unwrap_err();
        assert!(matches!(error, Error::SubmitterKey { vkey, .. } if vkey == "relay.example"));
    }
}
