//! Keys as text, ML-DSA-44 beside Ed25519, and what each refuses to sign or verify.

use crate::cast::{NOW, ORIGIN, cosigned, head, log_key, policy, tree, witnesses};
use tlog::checkpoint::{Checkpoint, CheckpointError};
use tlog::cosignature::{Algorithm, Cosigner, TimeError};
use tlog::note::{KeyError, NoteError, Signer, UnverifiedNote, Verifier, sign};
use tlog::policy::{Policy, VerifyError};

/// Not random, which is what a test wants.
struct Counter(u8);

impl rand_core::TryRng for Counter {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.0 = self.0.wrapping_add(1);
        Ok(u32::from(self.0))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(u64::from(self.try_next_u32()?))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.fill_with(|| {
            self.0 = self.0.wrapping_add(1);
            self.0
        });
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Counter {}

#[test]
fn secret_keys_survive_their_text_and_do_not_show_in_debug() {
    let mut rng = Counter(0);
    let signer = Signer::generate("a.example", &mut rng).unwrap();
    let text = signer.to_secret_text();
    assert_eq!(Signer::from_secret_text(&text).unwrap().verifier(), signer.verifier());
    assert_eq!(
        Signer::from_secret_text(&format!("{}\n", text.as_str())).unwrap().verifier(),
        signer.verifier()
    );
    let other = Signer::generate("a.example", &mut rng).unwrap();
    assert_ne!(other.verifier(), signer.verifier());
    for algorithm in [Algorithm::Ed25519, Algorithm::MlDsa44] {
        let cosigner = Cosigner::generate("w.example", algorithm, &mut rng).unwrap();
        let secret = cosigner.to_secret_text();
        assert_eq!(Cosigner::from_secret_text(&secret).unwrap().verifier(), cosigner.verifier());
        assert_eq!(Verifier::parse(&cosigner.verifier().vkey()), Ok(cosigner.verifier()));
        assert!(matches!(Signer::from_secret_text(&secret), Err(KeyError::WrongType(_))));
        assert!(!format!("{cosigner:?}").contains(secret.rsplit('+').next().unwrap()));
    }
    assert!(matches!(Cosigner::from_secret_text(&text), Err(KeyError::WrongType(1))));
    for name in ["", "a b", "a+b", "a\u{2003}b", "a\nb", "a\u{7f}b", &"x".repeat(256)] {
        assert_eq!(Signer::from_seed(name, &[1; 32]).unwrap_err(), KeyError::BadName, "{name:?}");
        assert_eq!(Cosigner::from_seed(name, Algorithm::MlDsa44, &[1; 32]).unwrap_err(), KeyError::BadName);
    }
    let changed = text.replacen("a.example", "b.example", 1);
    assert_eq!(Signer::from_secret_text(&changed).unwrap_err(), KeyError::WrongId);
}

#[test]
fn an_ml_dsa_44_cosignature_commits_to_name_origin_size_root_and_time() {
    let cosigner = Cosigner::from_seed("w.example", Algorithm::MlDsa44, &[3; 32]).unwrap();
    let root = tree(5).root();
    let head = head(5, root);
    let line = cosigner.cosign(head.checkpoint(), NOW).unwrap();
    assert_eq!(line.bytes().len(), 8 + 2420);
    let verify = |checkpoint: &Checkpoint, line: &tlog::note::Signature, key: &Verifier| {
        let mut note = checkpoint.sign(&Signer::from_seed(checkpoint.origin(), &[7; 32]).unwrap()).unwrap();
        note.add(line.clone());
        note.note().verify_one(key)
    };
    let key = cosigner.verifier();
    assert_eq!(verify(head.checkpoint(), &line, &key), Ok(Some(NOW)));
    let bad = Err(NoteError::BadSignature("w.example".into()));
    for other in [
        Checkpoint::new(ORIGIN, 6, root).unwrap(),
        Checkpoint::new(ORIGIN, 5, tree(6).root()).unwrap(),
        Checkpoint::new("other.example/log", 5, root).unwrap(),
    ] {
        assert_eq!(verify(&other, &line, &key), bad);
    }
    for at in [0, 7, 8, 9, 1000, 2427] {
        let mut bytes = line.bytes().to_vec();
        bytes[at] ^= 1;
        let mut encoded = line.key_id().0.to_vec();
        encoded.extend_from_slice(&bytes);
        let changed = format!(
            "\u{2014} w.example {}",
            base64::Engine::encode(&base64::prelude::BASE64_STANDARD, encoded)
        );
        assert_eq!(
            verify(head.checkpoint(), &tlog::note::Signature::parse(&changed).unwrap(), &key),
            bad,
            "byte {at}"
        );
    }
    // Under another name it is another key.
    let renamed = Cosigner::from_seed("v.example", Algorithm::MlDsa44, &[3; 32]).unwrap().verifier();
    assert_eq!(verify(head.checkpoint(), &line, &renamed), Err(NoteError::NoKnownKey));
}

#[test]
fn a_log_may_sign_with_ml_dsa_44_under_its_own_name() {
    let post_quantum = Cosigner::from_seed(ORIGIN, Algorithm::MlDsa44, &[9; 32]).unwrap();
    let witness = &witnesses()[0];
    let policy = format!("log {}\nwitness w {}\nquorum w\n", post_quantum.verifier(), witness.verifier());
    let policy = Policy::parse(policy.as_bytes()).unwrap();
    let mut head = cosigned(5, tree(5).root(), 1);
    let unsigned = Err(VerifyError::Checkpoint(CheckpointError::Note(NoteError::NoKnownKey)));
    assert_eq!(policy.verify_checkpoint(&head.encode()), unsigned);
    head.cosign(&post_quantum, NOW).unwrap();
    let accepted = policy.verify_checkpoint(&head.encode()).unwrap();
    assert_eq!(accepted.cosignatures().len(), 1, "the log is not a witness of itself");
}

#[test]
fn times_and_texts_that_cannot_be_signed_are_refused() {
    let head = head(5, tree(5).root());
    let witness = &witnesses()[0];
    for time in [0, 1 << 63, u64::MAX] {
        assert_eq!(witness.cosign(head.checkpoint(), time), Err(TimeError(time)));
    }
    let key = log_key();
    for text in ["", "no newline", "tab\there\n"] {
        assert!(sign(text, &[&key]).is_err(), "{text:?}");
    }
    assert_eq!(sign("text\n", &[]).unwrap_err(), NoteError::NoSignatures);
    let stranger = Signer::from_seed("stranger.example", &[1; 32]).unwrap();
    assert!(matches!(head.checkpoint().sign(&stranger), Err(CheckpointError::ForeignKey { .. })));
}

#[test]
fn a_cosigners_key_says_nothing_of_other_notes() {
    // A text that reads like the message a witness signs, cosigned over: only checkpoints have
    // cosignatures.
    let note = sign("cosignature/v1\ntime 1\nnot a checkpoint\n", &[&log_key()]).unwrap();
    for witness in witnesses() {
        assert_eq!(note.verify_one(&witness.verifier()), Err(NoteError::NoKnownKey));
    }
    assert_eq!(UnverifiedNote::parse(&note.encode()), Ok(note));
}

#[test]
fn the_quorum_time_is_the_earliest_by_which_a_quorum_stood() {
    let root = tree(5).root();
    let mut head = head(5, root);
    for (witness, time) in witnesses().iter().zip([NOW + 9, 1, NOW + 3, NOW + 5]) {
        head.cosign(witness, time).unwrap();
    }
    // w2 claims 1970: it cannot move the time before two others.
    assert_eq!(policy().verify_checkpoint(&head.encode()).unwrap().cosigned_at(), NOW + 5);
    let two = policy().verify_checkpoint(&cosigned(5, root, 2).encode());
    assert_eq!(two, Err(VerifyError::QuorumNotMet(vec!["w1".into(), "w2".into()])));
    let stranger = Checkpoint::new("other.example", 5, root).unwrap();
    let stranger = stranger.sign(&Signer::from_seed("other.example", &[1; 32]).unwrap()).unwrap();
    assert_eq!(
        policy().verify_checkpoint(&stranger.encode()),
        Err(VerifyError::UnknownLog("other.example".into()))
    );
}
