//! A state of the model: what the log, its witnesses, the honest trustees and the owner have, and what
//! is remembered beside them so that a property can be asked of it.

use crate::asked::Ask;
use crate::history::At;

/// A state.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// Which moment it is.
    pub(crate) now: u8,
    /// The log's histories as far as they were ordered.
    pub(crate) tips: Vec<Tip>,
    /// Heads that a quorum cosigned, one for each history, by its number.
    pub(crate) heads: Vec<Head>,
    /// What each honest witness cosigned last, in order: one is like another.
    pub(crate) witnesses: Vec<At>,
    /// The honest trustees.
    pub(crate) trustees: Vec<Trustee>,
    pub(crate) owner: Owner,
    /// So many more falls there may be, and so many backups be put back.
    pub(crate) crashes: u8,
    pub(crate) restores: u8,
    pub(crate) told: Told,
}

/// The end of one of the log's histories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Tip {
    pub(crate) at: At,
    /// When it was cosigned last: an entry behind it that bears a much earlier stamp would be a fault.
    pub(crate) cosigned: u8,
}

/// A head that a quorum cosigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Head {
    pub(crate) at: At,
    /// The latest moment at which it was.
    pub(crate) cosigned: u8,
    /// Which seeds were known to the adversary at that moment, by the epoch's bit.
    pub(crate) known: u8,
}

/// An honest trustee.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Trustee {
    /// The log as it read it since it was started; none: it has not read yet.
    pub(crate) view: Option<At>,
    /// The head that it read to, durable.
    pub(crate) stored: At,
    /// Grant and bundle are durable, the bundle has not left (G10).
    pub(crate) held: Vec<Held>,
    /// The bundle may leave, durable, by the request's bit (G12).
    pub(crate) given: u16,
    /// Not the trustee's: what has left, by the request's bit, whatever it forgot.
    pub(crate) out: u16,
    /// What was held when it fell, by the request's bit.
    pub(crate) fell_with: u16,
    /// It saw the log contradict itself, and grants nothing any more.
    pub(crate) forked: bool,
    /// Not the trustee's: the furthest that it ever read, whatever it forgot.
    pub(crate) read: At,
}

/// A grant that is made: of the request that stands at this place of the log, with this stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Held {
    pub(crate) ask: Ask,
    pub(crate) index: u64,
    pub(crate) stamp: u8,
}

/// The owner's book.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    /// The head that the last audit read to.
    pub(crate) kept: At,
    /// Requests that it found, by bit.
    pub(crate) found: u16,
    /// An audit named a fork.
    pub(crate) alarmed: bool,
}

/// What happened once and must not be forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Told {
    /// An audit under a head that was cosigned after a seed was known did not list the release.
    pub(crate) missed: bool,
    /// An audit listed one.
    pub(crate) listed: bool,
    /// A recovery was granted by a trustee that had read its veto, or could not but have read it.
    pub(crate) vetoed: bool,
    /// A bundle left that its trustee held when it fell.
    pub(crate) resumed: bool,
}

impl Trustee {
    pub(crate) fn holds(&self, ask: Ask) -> Option<Held> {
        self.held.iter().copied().find(|held| held.ask == ask)
    }

    /// Granted, by bit: held or handed out.
    pub(crate) fn granted(&self) -> u16 {
        self.held.iter().fold(self.given, |all, held| all | held.ask.bit())
    }
}
