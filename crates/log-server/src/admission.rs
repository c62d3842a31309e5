//! Who may add which leaf: whoever signed it with a key that the configuration names for its kind,
//! within that key's rates of leaves and of bytes. The log reads signatures and the kind, which is
//! the first line; never the rest.

use crate::config::Submitter;
use crate::error::Error;
use host::http::Failure;
use host::lock::Mutex;
use host::rate::Bucket;
use std::time::{Duration, Instant};
use tlog::Hash;
use tlog::note::{NoteError, UnverifiedNote, Verifier};
use tlog::stamp::{self, StampError, StampKey};

/// The largest leaf that is taken; an entry has 32 KiB with its stamp (log.md#admission).
pub const MAX_LEAF_BYTES: usize = stamp::SUBMITTED_MAX_BYTES;
/// So many minutes' worth of bytes at once; one leaf of the largest size always fits.
const BURST_MINUTES: u32 = 10;

/// The configured submitters and what each has left.
#[derive(Debug)]
pub(crate) struct Admission {
    submitters: Vec<Admitting>,
    stamp: StampKey,
}

#[derive(Debug)]
struct Admitting {
    key: Verifier,
    kinds: Vec<String>,
    left: Mutex<Left>,
}

#[derive(Debug)]
struct Left {
    leaves: Bucket,
    bytes: Bucket,
}

/// A leaf that a submitter signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Admitted {
    submitter: usize,
    bytes: u32,
    /// The hash of its text, by which the log knows it.
    pub text: Hash,
    /// Whether it can be stamped; an entry that is sent again has its stamp already.
    fits: Result<(), StampError>,
}

impl Admitting {
    fn new(submitter: &Submitter, now: Instant) -> Result<Self, Error> {
        let vkey = || submitter.vkey.clone();
        let key = Verifier::parse(&submitter.vkey)
            .map_err(|source| Error::SubmitterKey { vkey: vkey(), source })?;
        // A kind that no first line can name would admit nothing, which nobody means.
        let is_word = |kind: &&String| kind_of(&format!("candor {kind} v1\n")) != Some(kind.as_str());
        if let Some(kind) = submitter.kinds.iter().find(is_word) {
            return Err(Error::SubmitterKind { vkey: vkey(), kind: kind.clone() });
        }
        let bytes = submitter.bytes_per_minute;
        let at_once = bytes.saturating_mul(BURST_MINUTES).max(MAX_LEAF_BYTES as u32);
        let left = Left {
            leaves: Bucket::new(submitter.per_minute, submitter.burst, now),
            bytes: Bucket::new(bytes, at_once, now),
        };
        Ok(Self { key, kinds: submitter.kinds.clone(), left: Mutex::new(left) })
    }
}

impl Admission {
    pub(crate) fn new(submitters: &[Submitter], stamp: StampKey, now: Instant) -> Result<Self, Error> {
        let submitters = submitters.iter().map(|submitter| Admitting::new(submitter, now));
        Ok(Self { submitters: submitters.collect::<Result<_, _>>()?, stamp })
    }

    /// The first submitter that signed this leaf and may add its kind.
    pub(crate) fn admit(&self, leaf: &[u8]) -> Result<Admitted, Failure> {
        let bytes = u32::try_from(leaf.len()).unwrap_or(u32::MAX);
        if leaf.len() > stamp::ENTRY_MAX_BYTES {
            return Err(too_large());
        }
        let note = UnverifiedNote::parse(leaf)
            .map_err(|error| Failure::new(400, "not-a-note", format!("send a C2SP signed note: {error}")))?;
        let mut signed = Vec::new();
        for (place, submitter) in self.submitters.iter().enumerate() {
            match note.verify_one(&submitter.key) {
                Ok(_) => signed.push((place, submitter)),
                Err(NoteError::NoKnownKey) => {}
                // SPEC: log.md#admission: a bad signature by a submitter MUST refuse the leaf.
                Err(error) => {
                    let advice = format!("sign the leaf's exact text again: {error}");
                    return Err(Failure::new(403, "bad-signature", advice));
                }
            }
        }
        let Some((_, first)) = signed.first() else {
            let advice = "none of the keys that signed the leaf is a submitter of this log: its operator must list the signer's verifier key under [[submitters]] in the log's configuration (for owners and requesters the relay's is there: send the leaf through the relay)";
            return Err(Failure::new(403, "unknown-submitter", advice));
        };
        // SPEC: log.md#admission: a kind that is not the submitter's MUST be refused.
        let kind = kind_of(note.unverified_text());
        let may = |kinds: &[String]| kind.is_some_and(|kind| kinds.iter().any(|own| own == kind));
        match signed.iter().find(|(_, submitter)| may(&submitter.kinds)) {
            Some((place, _)) => {
                let (text, fits) = (stamp::text_hash(&note), stamp::check_leaf(&note, &self.stamp));
                Ok(Admitted { submitter: *place, bytes, text, fits })
            }
            None => Err(not_for(first, kind)),
        }
    }

    /// Takes one new leaf from the submitter's rates.
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
        let Some(submitter) = self.submitters.get(admitted.submitter) else { return Ok(()) };
        submitter.left.lock().take(admitted.bytes, now).map_err(|(of, pause)| {
            let (name, pause) = (submitter.key.name(), pause.as_secs() + 1);
            Failure::new(429, "rate", format!("{name} has used up its rate of {of}; send again in {pause} s"))
        })
    }
}

impl Left {
    /// Both or neither; what is used up, and for how long.
    fn take(&mut self, bytes: u32, now: Instant) -> Result<(), (&'static str, Duration)> {
        self.leaves.has(1, now).map_err(|pause| ("leaves", pause))?;
        self.bytes.has(bytes, now).map_err(|pause| ("bytes", pause))?;
        self.leaves.spend(1);
        self.bytes.spend(bytes);
        Ok(())
    }
}

/// The kind that a text's first line names: `grant` of `candor grant v1`.
fn kind_of(text: &str) -> Option<&str> {
    let (kind, version) = text.lines().next()?.strip_prefix("candor ")?.split_once(" v")?;
    let is_word = !kind.is_empty() && kind.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'-'));
    let is_number = matches!(version.len(), 1..=3) && version.bytes().all(|byte| byte.is_ascii_digit());
    (is_word && is_number).then_some(kind)
}

fn not_for(submitter: &Admitting, kind: Option<&str>) -> Failure {
    let (name, kinds) = (submitter.key.name(), submitter.kinds.join(", "));
    let what = kind.map_or("a leaf must begin with a line such as \"candor grant v1\"".to_owned(), |kind| {
        format!("{name} may add {kinds}, and this is {kind:?}; if it is to, the log's operator adds the word to its kinds under [[submitters]]")
    });
    Failure::new(403, "kind-not-admitted", what)
}

fn too_large() -> Failure {
    let advice = format!("a leaf has at most {MAX_LEAF_BYTES} bytes and 63 signature lines");
    Failure::new(413, "leaf-too-large", advice)
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let submitter = |signer: &Signer, kinds: &[&str]| Submitter {
            vkey: signer.verifier().vkey(),
            kinds: kinds.iter().map(ToString::to_string).collect(),
            per_minute: 60,
            burst: 2,
            bytes_per_minute: 6000,
        };
        let relay = submitter(&key("relay.example", 1), &["policy", "request"]);
        let submitters = [relay, submitter(&key("trustee.example", 2), &["grant", "request"])];
        Admission::new(&submitters, StampKey::of(&log().verifier()).unwrap(), now).unwrap()
    }

    #[test]
    fn a_leaf_is_admitted_by_who_signed_it() {
        let admission = admission(Instant::now());
        let (relay, trustee, stranger) =
            (key("relay.example", 1), key("trustee.example", 2), key("police.example/7", 3));
        let by = |bytes: &[u8]| admission.admit(bytes).unwrap().submitter;
        assert_eq!(by(&leaf("candor request v1\n", &[&relay])), 0);
        assert_eq!(by(&leaf("candor request v1\n", &[&stranger, &trustee])), 1);
        let refused = |bytes: &[u8]| {
            let failure = admission.admit(bytes).unwrap_err();
            (failure.status, failure.error)
        };
        assert_eq!(
            refused(&leaf("candor request v1\n", &[&stranger])),
            (403, "unknown-submitter".to_owned())
        );
        // The submitter's name with another key is a stranger; its key over another text is a bad
        // signature.
        assert_eq!(refused(&leaf("candor request v1\n", &[&key("relay.example", 9)])).1, "unknown-submitter");
        let moved = String::from_utf8(leaf("candor request v1\n", &[&relay]))
            .unwrap()
            .replacen("request", "policy", 1);
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
        let large = leaf(&format!("candor request v1\n{}\n", "x".repeat(MAX_LEAF_BYTES)), &[&relay]);
        assert_eq!(refused(&large), (413, "leaf-too-large".to_owned()));
        let crowd: Vec<Signer> = (0..63).map(|n| key(&format!("k{n}.example"), n)).collect();
        let crowd: Vec<&Signer> = crowd.iter().chain([&relay]).collect();
        assert_eq!(refused(&leaf("candor request v1\n", &crowd)), (413, "leaf-too-large".to_owned()));
        let stamped = note::sign("candor request v1\n", &[&relay]).unwrap();
        let stamped = stamp::stamp(&log(), stamped, 7).unwrap().encode();
        assert_eq!(refused(&stamped), (400, "stamped".to_owned()));
    }

    #[test]
    fn each_submitter_has_its_own_rate() {
        let now = Instant::now();
        let admission = admission(now);
        let by = |name, seed| admission.admit(&leaf("candor request v1\n", &[&key(name, seed)])).unwrap();
        let (relay, trustee) = (by("relay.example", 1), by("trustee.example", 2));
        assert_eq!((admission.spend(&relay, now), admission.spend(&relay, now)), (Ok(()), Ok(())));
        let failure = admission.spend(&relay, now).unwrap_err();
        assert_eq!((failure.status, failure.error.as_str()), (429, "rate"));
        assert_eq!(admission.spend(&trustee, now), Ok(()));
        assert_eq!(admission.spend(&relay, now + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn a_key_that_is_none_is_named() {
        let submitter = |vkey: &str, kind: &str| Submitter {
            vkey: vkey.to_owned(),
            kinds: vec![kind.to_owned()],
            per_minute: 1,
            burst: 1,
            bytes_per_minute: 1,
        };
        let bad = [submitter("relay.example", "grant")];
        let error =
            Admission::new(&bad, StampKey::of(&log().verifier()).unwrap(), Instant::now()).unwrap_err();
        assert!(matches!(error, Error::SubmitterKey { vkey, .. } if vkey == "relay.example"));
    }

    #[test]
    fn a_kind_that_is_no_word_is_named() {
        let good = key("relay.example", 1).verifier().vkey();
        for kind in ["", "Grant", "candor grant v1", "grant v1", "*", "gr\u{e4}nt"] {
            let submitter = Submitter {
                vkey: good.clone(),
                kinds: vec!["policy".to_owned(), kind.to_owned()],
                per_minute: 1,
                burst: 1,
                bytes_per_minute: 1,
            };
            let stamp = StampKey::of(&log().verifier()).unwrap();
            let error = Admission::new(&[submitter], stamp, Instant::now()).unwrap_err();
            assert!(matches!(&error, Error::SubmitterKind { kind: named, .. } if named == kind), "{error}");
        }
    }

    /// A submitter speaks in its own kinds: a relay cannot log grants, nor a trustee policies.
    #[test]
    fn a_leaf_of_another_kind_than_the_submitters_is_refused_by_name() {
        let admission = admission(Instant::now());
        let (relay, trustee) = (key("relay.example", 1), key("trustee.example", 2));
        let admitted = |text: &str, by: &[&Signer]| {
            admission.admit(&leaf(text, by)).map(|it| it.submitter).map_err(|it| (it.status, it.error))
        };
        let refused = || Err((403, "kind-not-admitted".to_owned()));
        assert_eq!(admitted("candor policy v1\nx y\n", &[&relay]), Ok(0));
        assert_eq!(admitted("candor policy v1\nx y\n", &[&trustee]), refused());
        assert_eq!(admitted("candor grant v1\n", &[&relay]), refused());
        // Whoever of the signers may add it, whatever their order.
        assert_eq!(admitted("candor grant v1\n", &[&relay, &trustee]), Ok(1));
        for text in [
            "candor grant\n",
            "candor  grant v1\n",
            "candor Grant v1\n",
            "Candor grant v1\n",
            " candor grant v1\n",
            "candor grant v1 \n",
            "candor grant v\n",
            "candor grant vx\n",
            "candor grant-x v1\n",
            "x\ncandor grant v1\n",
            "\ncandor grant v1\n",
        ] {
            assert_eq!(admitted(text, &[&trustee]), refused(), "{text:?}");
        }
    }

    #[test]
    fn bytes_have_a_rate_of_their_own() {
        let now = Instant::now();
        let admission = admission(now);
        let relay = key("relay.example", 1);
        let large = |at: u8| {
            let text = format!("candor request v1\n{at} {}\n", "x".repeat(MAX_LEAF_BYTES - 1000));
            admission.admit(&leaf(&text, &[&relay])).unwrap()
        };
        let small = admission.admit(&leaf("candor request v1\n", &[&relay])).unwrap();
        assert_eq!(admission.spend(&large(0), now), Ok(()));
        // Ten minutes' worth is 60 000 bytes: one large leaf more does not fit, a small one does,
        // and what was refused has cost nothing.
        let failure = admission.spend(&large(1), now).unwrap_err();
        assert_eq!((failure.status, failure.error.as_str()), (429, "rate"));
        assert!(failure.what_to_do.contains("rate of bytes"), "{}", failure.what_to_do);
        assert_eq!(admission.spend(&small, now), Ok(()));
        assert!(admission.spend(&small, now).unwrap_err().what_to_do.contains("rate of leaves"));
        assert_eq!(admission.spend(&large(1), now + Duration::from_secs(60)), Ok(()));
    }
}
