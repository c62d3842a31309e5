//! Whether enough shares came: of each epoch by itself, for a trustee that had no key when it was filmed
//! gives none of it. Pure.

use media::epoch::EpochOpen;
use media::id::EpochNo;
use std::collections::{BTreeMap, BTreeSet};

/// To whom an epoch's shares were dealt, by share number from 1, and how many open it.
pub(crate) struct Dealt {
    epoch: EpochNo,
    to: BTreeSet<u8>,
    needed: usize,
}

/// Which epochs each trustee gave a share of, by its share number.
pub(crate) type Given = BTreeMap<u8, BTreeSet<EpochNo>>;

/// What can be opened of what was asked for.
#[derive(Debug, PartialEq, Eq, Default)]
pub(crate) struct Outlook {
    /// Enough shares are here.
    pub(crate) enough: Vec<u64>,
    /// They may come.
    pub(crate) open: Vec<u64>,
    /// They cannot.
    pub(crate) short: Vec<u64>,
}

impl Dealt {
    pub(crate) fn of(open: &EpochOpen) -> Self {
        let slots = (1..).zip(&open.shares).filter(|(_, slot)| slot.is_some());
        let to = slots.map(|(share, _)| share).collect();
        Self { epoch: open.context.epoch_no, to, needed: open.context.t.into() }
    }
}

impl Outlook {
    pub(crate) fn of(dealt: &[Dealt], given: &Given, refused: &BTreeSet<u8>) -> Self {
        let mut outlook = Self::default();
        for Dealt { epoch, to, needed } in dealt {
            let here = given.values().filter(|epochs| epochs.contains(epoch)).count();
            let may =
                to.iter().filter(|share| !given.contains_key(share) && !refused.contains(share)).count();
            let of = match () {
                () if here >= *needed => &mut outlook.enough,
                () if here + may >= *needed => &mut outlook.open,
                () => &mut outlook.short,
            };
            of.push(epoch.0);
        }
        outlook
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An epoch dealt to these, of whom three must give their shares.
    pub(crate) fn dealt(epoch: u64, to: impl IntoIterator<Item = u8>) -> Dealt {
        Dealt { epoch: EpochNo(epoch), to: to.into_iter().collect(), needed: 3 }
    }

    fn outlook(given: &[(u8, &[u64])], refused: &[u8]) -> [Vec<u64>; 3] {
        let given =
            given.iter().map(|(share, epochs)| (*share, epochs.iter().copied().map(EpochNo).collect()));
        // Two trustees had no key when the second was filmed, two others when the third was; nobody when the
        // fourth was.
        let all = [dealt(1, 1..=5), dealt(2, [1, 2, 3]), dealt(3, [3, 4, 5]), dealt(4, [])];
        let Outlook { enough, open, short } =
            Outlook::of(&all, &given.collect(), &refused.iter().copied().collect());
        [enough, open, short]
    }

    /// Three bundles were enough for whoever counted bundles: the third epoch then had one share.
    #[test]
    fn enough_is_enough_of_each_epoch() {
        assert_eq!(outlook(&[], &[]), [vec![], vec![1, 2, 3], vec![4]]);
        let three: [(u8, &[u64]); 3] = [(1, &[1, 2]), (2, &[1, 2]), (3, &[1, 2, 3])];
        assert_eq!(outlook(&three, &[]), [vec![1, 2], vec![3], vec![4]]);
        let all = [&three[..], &[(4, &[1, 3]), (5, &[1, 3])]].concat();
        assert_eq!(outlook(&all, &[]), [vec![1, 2, 3], vec![], vec![4]]);
        assert_eq!(outlook(&three, &[5]), [vec![1, 2], vec![], vec![3, 4]]);
        assert_eq!(outlook(&[], &[1, 4, 5]), [vec![], vec![], vec![1, 2, 3, 4]]);
        // Who gave less than was dealt to it gives no more.
        assert_eq!(outlook(&[(1, &[1]), (2, &[1])], &[]), [vec![], vec![1, 3], vec![2, 4]]);
    }
}
