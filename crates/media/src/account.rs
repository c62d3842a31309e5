//! Whose loss a segment is that was filmed and is not there. `proto/segment.md`, "Whose loss it is".
//!
//! In scope: what verified EpochOpens and receipts say of a number. Out of scope: which numbers are
//! missing (the chain and the close records say that), and time in which nothing was filmed (the gap
//! reason).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::epoch::{EpochOpen, LossReason, Lost};
use crate::id::Sequence;
use crate::receipt::{Range, Receipt};
use crate::sign::PublicKey;

/// Whose loss it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Culprit {
    /// The relay with this key acknowledged that it is durable there.
    Relay(PublicKey),
    /// The camera let it go, and signed why.
    Camera(LossReason),
    /// No relay ever acknowledged it, as far as is shown; nor did the camera say that it let it go.
    /// It may still be in the camera.
    NobodyYet,
}

/// What was said about the numbers of one track.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Up to which number, by relay and first number.
    acknowledged: BTreeMap<(PublicKey, Sequence), Sequence>,
    lost: Vec<Lost>,
}

impl Account {
    /// Takes in an EpochOpen whose signature was verified. Its receipt is verified here; one that does
    /// not hold says nothing.
    pub fn read(&mut self, open: &EpochOpen) {
        for lost in &open.lost {
            if !self.lost.contains(lost) {
                self.lost.push(*lost);
            }
        }
        if let Some(Ok(receipt)) = open.receipt.as_ref().map(crate::receipt::SignedReceipt::verify) {
            self.read_receipt(receipt);
        }
    }

    /// Takes in a receipt of this track that was verified.
    pub fn read_receipt(&mut self, receipt: &Receipt) {
        for range in &receipt.acknowledged {
            let last = self.acknowledged.entry((receipt.relay_key, range.first)).or_insert(range.last);
            *last = range.last.max(*last);
        }
    }

    /// Whether this relay acknowledged the segment of this number, whoever else did.
    pub fn was_acknowledged_by(&self, relay: &PublicKey, sequence: Sequence) -> bool {
        let of_relay = self.acknowledged.range((*relay, Sequence(0))..=(*relay, sequence));
        of_relay.into_iter().any(|(_, last)| sequence <= *last)
    }

    /// Whose loss the segment of this number is, if it is missing. A receipt is by whichever key it
    /// names: whether that is the relay that somebody means is for who asks.
    pub fn culprit(&self, sequence: Sequence) -> Culprit {
        // A relay that acknowledged had it, whatever the camera, which may not have heard it, did then.
        let relay = self.acknowledged.iter().find(|((_, first), last)| (*first..=**last).contains(&sequence));
        if let Some(((relay, _), _)) = relay {
            return Culprit::Relay(*relay);
        }
        let lost = self.lost.iter().find(|lost| lost.range.holds(sequence));
        lost.map_or(Culprit::NobodyYet, |lost| Culprit::Camera(lost.why))
    }

    /// The same of many, each stretch that is one's loss: however many they are, it changes only where
    /// something was said.
    pub fn culprits(&self, missing: Range) -> Vec<(Range, Culprit)> {
        let acknowledged = self.acknowledged.iter().map(|((_, first), last)| (*first, *last));
        let said = acknowledged.chain(self.lost.iter().map(|lost| (lost.range.first, lost.range.last)));
        let starts = said.flat_map(|(first, last)| [first, Sequence(last.0.saturating_add(1))]);
        let starts: BTreeSet<_> =
            starts.filter(|start| missing.holds(*start)).chain([missing.first]).collect();
        let mut stretches: Vec<(Range, Culprit)> = Vec::new();
        for first in starts.into_iter().rev() {
            let culprit = self.culprit(first);
            match stretches.last_mut() {
                Some((behind, same)) if *same == culprit => behind.first = first,
                behind => {
                    let last = behind.map_or(missing.last, |(behind, _)| Sequence(behind.first.0 - 1));
                    stretches.push((Range { first, last }, culprit));
                }
            }
        }
        stretches.reverse();
        stretches
    }
}
