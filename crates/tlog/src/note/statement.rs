//! What a cosignature states about a checkpoint, and the check of it. It makes sense over
//! checkpoints alone: under any other text a cosigner's key has said nothing. Contract:
//! `proto/log.md#cosignatures`.

use crate::checkpoint_body::Checkpoint;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use ml_dsa::MlDsa44;

/// The latest time that can be stated (C2SP: at most 2^63 - 1).
pub const TIME_MAX: u64 = i64::MAX as u64;

pub(crate) fn ed25519_message(text: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

pub(crate) fn ml_dsa_44_message(name: &str, checkpoint: &Checkpoint, time: u64) -> Vec<u8> {
    let length = |part: &str| u8::try_from(part.len()).expect("names and origins have at most 255 bytes");
    let mut message = b"subtree/v1\n\0".to_vec();
    message.push(length(name));
    message.extend_from_slice(name.as_bytes());
    message.extend_from_slice(&time.to_be_bytes());
    message.push(length(checkpoint.origin()));
    message.extend_from_slice(checkpoint.origin().as_bytes());
    message.extend_from_slice(&0u64.to_be_bytes());
    message.extend_from_slice(&checkpoint.size().to_be_bytes());
    message.extend_from_slice(checkpoint.root().as_bytes());
    message
}

fn split_time(signature: &[u8]) -> Option<(u64, &[u8])> {
    let (time, signature) = signature.split_first_chunk::<8>()?;
    let time = u64::from_be_bytes(*time);
    (time <= TIME_MAX).then_some((time, signature))
}

/// The time of a valid Ed25519 cosignature over a checkpoint's text.
pub(crate) fn check_ed25519(key: &ed25519_dalek::VerifyingKey, text: &str, signature: &[u8]) -> Option<u64> {
    let (time, signature) = split_time(signature)?;
    // A cosigner's key makes statements about checkpoints only.
    // SPEC: log.md#cosignatures: a cosignature key's signature over any other text MUST be refused.
    Checkpoint::parse_text(text).ok()?;
    verify_ed25519(key, ed25519_message(text, time).as_bytes(), signature).then_some(time)
}

/// The time of a valid ML-DSA-44 cosignature over a checkpoint's text.
pub(crate) fn check_ml_dsa_44(
    key: &ml_dsa::VerifyingKey<MlDsa44>,
    name: &str,
    text: &str,
    signature: &[u8],
) -> Option<u64> {
    use ml_dsa::Verifier as _;
    let (time, signature) = split_time(signature)?;
    let checkpoint = Checkpoint::parse_text(text).ok()?;
    let signature = ml_dsa::Signature::<MlDsa44>::try_from(signature).ok()?;
    key.verify(&ml_dsa_44_message(name, &checkpoint, time), &signature).is_ok().then_some(time)
}

/// Whether an Ed25519 signature holds; strictly, so that nobody can make a second one of it.
pub(crate) fn verify_ed25519(key: &ed25519_dalek::VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    let Ok(signature) = ed25519_dalek::Signature::from_slice(signature) else { return false };
    key.verify_strict(message, &signature).is_ok()
}
