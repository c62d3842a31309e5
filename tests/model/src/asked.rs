//! The requests of the model: each is one leaf of an adversary who holds the keys of officers,
//! supervisors, sponsors and registrar. Contract: `proto/model.md#requests`.

use escrow::record::Kind;

/// The first day of the model, since 1970.
pub(crate) const FIRST_DAY: u32 = 20_000;
const DAY: u64 = 86_400;

/// Times of the model, in seconds since its first day began.
pub(crate) const NOON: u64 = 12 * 3600;
/// Heads of [`NOON`] are still fresh.
pub(crate) const MINUTE_LATER: u64 = NOON + 60;
pub(crate) const BEFORE_MIDNIGHT: u64 = DAY - 5;
/// So soon that clocks which differ as they may stand on either side of midnight.
pub(crate) const BEHIND_MIDNIGHT: u64 = DAY + 15;
/// Beyond the owner's tomorrow of [`NOON`].
pub(crate) const DAYS_LATER: u64 = 3 * DAY + NOON;

/// What was filmed: one epoch of ten seconds each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Epoch {
    /// Before the first noon.
    Noon,
    /// The first of the second day.
    Midnight,
    /// Days later.
    Later,
    /// Before the first noon, by another camera of the same owner.
    Other,
}

impl Epoch {
    pub(crate) const ALL: [Self; 4] = [Self::Noon, Self::Midnight, Self::Later, Self::Other];

    pub(crate) fn bit(self) -> u8 {
        1 << (self as u8)
    }

    /// Of which camera it is.
    pub(crate) fn camera(self) -> u8 {
        u8::from(self == Self::Other)
    }

    /// Its first and last moment.
    pub(crate) fn span(self) -> (u64, u64) {
        let start = match self {
            Self::Noon | Self::Other => NOON - 60,
            Self::Midnight => DAY,
            Self::Later => DAYS_LATER - 60,
        };
        (start, start + 10)
    }

    /// The day of its first moment.
    pub(crate) fn day(self) -> u32 {
        FIRST_DAY + u32::try_from(self.span().0 / DAY).unwrap()
    }
}

/// A request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ask {
    /// An emergency about the epoch before noon.
    Emergency,
    /// Another agency's, about the same.
    Second,
    /// A court's order about the same, under the emergency's id, with another release key.
    Twin,
    /// A court's order about the epoch behind midnight.
    Midnight,
    /// The same under the label of a day that the owner does not try yet.
    Mislabelled,
    /// A court's order about what is filmed days later, stating a time of then.
    Early,
    /// By the owner's recovery key, about the epoch before noon.
    Recovery,
    /// An emergency about another camera.
    Other,
}

/// What it says.
pub(crate) struct Words {
    pub(crate) kind: Kind,
    pub(crate) agency: &'static str,
    /// The first byte of its id.
    pub(crate) id: u8,
    pub(crate) epoch: Epoch,
    /// The day of the notice key that made its label.
    pub(crate) label_day: u32,
    /// The time that it states.
    pub(crate) time: u64,
}

impl Ask {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Emergency,
        Self::Second,
        Self::Twin,
        Self::Midnight,
        Self::Mislabelled,
        Self::Early,
        Self::Recovery,
        Self::Other,
    ];

    pub(crate) fn at(self) -> usize {
        self as usize
    }

    pub(crate) fn bit(self) -> u16 {
        1 << (self as u16)
    }

    pub(crate) fn words(self) -> Words {
        let of = |kind, id, epoch: Epoch, time| {
            let label_day = epoch.day();
            Words { kind, agency: "police.example", id, epoch, label_day, time }
        };
        match self {
            Self::Emergency => of(Kind::Emergency, 1, Epoch::Noon, NOON),
            Self::Second => Words { agency: "sheriff.example", ..of(Kind::Emergency, 2, Epoch::Noon, NOON) },
            Self::Twin => Words { agency: "sheriff.example", ..of(Kind::Legal, 1, Epoch::Noon, NOON) },
            Self::Midnight => of(Kind::Legal, 3, Epoch::Midnight, BEHIND_MIDNIGHT),
            Self::Mislabelled => {
                let label_day = Epoch::Later.day();
                Words { label_day, ..of(Kind::Legal, 4, Epoch::Midnight, BEHIND_MIDNIGHT) }
            }
            Self::Early => of(Kind::Legal, 5, Epoch::Later, DAYS_LATER),
            Self::Recovery => of(Kind::Recovery, 6, Epoch::Noon, NOON),
            Self::Other => of(Kind::Emergency, 7, Epoch::Other, NOON),
        }
    }
}
