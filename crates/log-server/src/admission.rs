//! Who may add a leaf: whoever signed it with a key the configuration names, within that key's
//! rate. The log reads signatures, never content.

use crate::config::Submitter;
use crate::error::Error;
use host::http::Failure;
use host::lock::Mutex;
use host::rate::Bucket;
use std::time::Instant;
use tlog::note::{NoteError, UnverifiedNote, Verifier};

/// The largest leaf (release.md#leaves).
pub const MAX_LEAF_BYTES: usize = 32 * 1024;

/// The configured submitters and what each has left.
#[derive(Debug)]
pub(crate) struct Admission {
    submitters: Vec<(Verifier, Mutex<Bucket>)>,
}

/// A submitter that signed a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Admitted(usize);

impl Admission {
    pub(crate) fn new(submitters: &[Submitter], now: Instant) -> Result<Self, Error> {
        let submitters = submitters
            .iter()
            .map(|submitter| match Verifier::parse(&submitter.vkey) {
                Ok(key) => Ok((key, Mutex::new(Bucket::new(submitter.per_minute, submitter.burst, now)))),
                Err(source) => Err(Error::SubmitterKey { vkey: submitter.vkey.clone(), source }),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { submitters })
    }

    /// The first submitter that signed this leaf.
    pub(crate) fn admit(&self, leaf: &[u8]) -> Result<Admitted, Failure> {
        if leaf.len() > MAX_LEAF_BYTES {
            return Err(Failure::new(
                413,
                "leaf-too-large",
                format!("a leaf has at most {MAX_LEAF_BYTES} bytes"),
            ));
        }
        let note = UnverifiedNote::parse(leaf)
            .map_err(|error| Failure::new(400, "not-a-note", format!("send a C2SP signed note: {error}")))?;
        for (place, (key, _)) in self.submitters.iter().enumerate() {
            match note.verify_one(key) {
                Ok(_) => return Ok(Admitted(place)),
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

    /// Takes one leaf from the submitter's rate.
    pub(crate) fn spend(&self, admitted: Admitted, now: Instant) -> Result<(), Failure> {
        let Some((key, rate)) = self.submitters.get(admitted.0) else { return Ok(()) };
        rate.lock().take(now).map_err(|pause| {
            let advice =
                format!("{} has used up its rate; send again in {} s", key.name(), pause.as_secs() + 1);
            Failure::new(429, "rate", advice)
        })
    }
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

    fn admission(now: Instant) -> Admission {
        let submitter =
            |signer: &Signer| Submitter { vkey: signer.verifier().vkey(), per_minute: 60, burst: 2 };
        Admission::new(&[submitter(&key("relay.example", 1)), submitter(&key("trustee.example", 2))], now)
            .unwrap()
    }

    #[test]
    fn a_leaf_is_admitted_by_who_signed_it() {
        let admission = admission(Instant::now());
        let (relay, trustee, stranger) =
            (key("relay.example", 1), key("trustee.example", 2), key("police.example/7", 3));
        assert_eq!(admission.admit(&leaf("a\n", &[&relay])), Ok(Admitted(0)));
        assert_eq!(admission.admit(&leaf("a\n", &[&stranger, &trustee])), Ok(Admitted(1)));
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
        assert_eq!(refused(&vec![b'a'; MAX_LEAF_BYTES + 1]), (413, "leaf-too-large".to_owned()));
    }

    #[test]
    fn each_submitter_has_its_own_rate() {
        let now = Instant::now();
        let admission = admission(now);
        assert_eq!((admission.spend(Admitted(0), now), admission.spend(Admitted(0), now)), (Ok(()), Ok(())));
        let failure = admission.spend(Admitted(0), now).unwrap_err();
        assert_eq!((failure.status, failure.error.as_str()), (429, "rate"));
        assert_eq!(admission.spend(Admitted(1), now), Ok(()));
        assert_eq!(admission.spend(Admitted(0), now + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn a_key_that_is_none_is_named() {
        let bad = [Submitter { vkey: "relay.example".to_owned(), per_minute: 1, burst: 1 }];
        let error = Admission::new(&bad, Instant::now()).unwrap_err();
        assert!(matches!(error, Error::SubmitterKey { vkey, .. } if vkey == "relay.example"));
    }
}
