//! The bounds of a run, and the mistakes that it can be given on purpose. Contract: `proto/model.md#bounds`,
//! `proto/model.md#mistakes-made-on-purpose`.

use crate::asked::{Ask, BEFORE_MIDNIGHT, BEHIND_MIDNIGHT, DAYS_LATER, MINUTE_LATER, NOON};

/// What a run may use up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// By which it is asked for.
    pub name: &'static str,
    /// Trustees of the owner's policy.
    pub trustees: u8,
    /// So many of them rebuild a seed.
    pub needed: u8,
    /// So many of them leak what they hold; they sign what they like.
    pub leaking: u8,
    /// Witnesses of the log policy.
    pub witnesses: u8,
    /// So many of them are a quorum.
    pub quorum: u8,
    /// So many of them cosign whatever they are shown.
    pub lying: u8,
    /// What may be asked.
    pub asks: Vec<Ask>,
    /// The most requests and vetoes in one history.
    pub leaves: usize,
    /// Requests that stand in the log, and that all honest parties have read, when it begins.
    pub read: Vec<Ask>,
    /// At which times something may happen: seconds since the first day began.
    pub times: Vec<u64>,
    /// How often a trustee may fall and be started again.
    pub crashes: u8,
    /// How often a trustee may be put back from a backup that is as old as the log.
    pub restores: u8,
    /// How many histories the log may have.
    pub histories: usize,
    /// What is done wrong.
    pub mistake: Option<Mistake>,
}

/// Something that honest parties do wrong, so that a run must find what comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mistake {
    /// G11: the bundle leaves with the grant's signature, before the grant is in the log.
    GrantBeforeInclusion,
    /// G7: T0 is the time that the asker states, and not the log's stamp.
    TimeOfTheSender,
    /// Following: a trustee that starts compares nothing with the head that it had read to.
    NoStoredHead,
    /// G7: emergencies are counted from what the trustee itself granted.
    LocalQuota,
    /// The owner's one reading: without the notice key of the owner's tomorrow.
    AuditWithoutTomorrow,
    /// Policies: a quorum that two histories can both have.
    SmallQuorum,
    /// G2: a head counts however long ago it was cosigned.
    StaleHeads,
    /// G5: the label is not compared with the first epoch's day.
    LabelUnseen,
    /// G3: any leaf of an id may be granted.
    IdUnowned,
    /// G9: a bundle holds the shares of every epoch of the camera.
    UnboundShares,
}

impl Mistake {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::GrantBeforeInclusion,
        Self::TimeOfTheSender,
        Self::NoStoredHead,
        Self::LocalQuota,
        Self::AuditWithoutTomorrow,
        Self::SmallQuorum,
        Self::StaleHeads,
        Self::LabelUnseen,
        Self::IdUnowned,
        Self::UnboundShares,
    ];

    /// Its word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::GrantBeforeInclusion => "grant-before-inclusion",
            Self::TimeOfTheSender => "time-of-the-sender",
            Self::NoStoredHead => "no-stored-head",
            Self::LocalQuota => "local-quota",
            Self::AuditWithoutTomorrow => "audit-without-tomorrow",
            Self::SmallQuorum => "small-quorum",
            Self::StaleHeads => "stale-heads",
            Self::LabelUnseen => "label-unseen",
            Self::IdUnowned => "id-unowned",
            Self::UnboundShares => "unbound-shares",
        }
    }
}

impl Scope {
    /// What the test command checks, smallest first.
    pub fn all() -> Vec<Self> {
        let all =
            [Self::recovering, Self::rewriting, Self::reading, Self::releasing, Self::naming, Self::counting];
        all.into_iter().map(|scope| scope()).collect()
    }

    /// Three trustees, all of whom are needed and one of whom leaks; one witness of four lies, the log may fork
    /// and a trustee may fall at any moment.
    pub fn releasing() -> Self {
        Self {
            name: "releasing",
            trustees: 3,
            needed: 3,
            leaking: 1,
            witnesses: 4,
            quorum: 3,
            lying: 1,
            asks: vec![Ask::Emergency],
            leaves: 1,
            read: Vec::new(),
            times: vec![NOON, MINUTE_LATER],
            crashes: 1,
            restores: 0,
            histories: 2,
            mistake: None,
        }
    }

    /// Leaves that are logged before their footage, under another label, or around midnight, against the
    /// owner who reads each once; of two trustees, both needed, one leaks.
    pub fn reading() -> Self {
        Self {
            name: "reading",
            trustees: 2,
            needed: 2,
            asks: vec![Ask::Midnight, Ask::Mislabelled, Ask::Early],
            leaves: 2,
            times: vec![NOON, BEFORE_MIDNIGHT, BEHIND_MIDNIGHT, DAYS_LATER],
            crashes: 0,
            histories: 1,
            ..Self::releasing()
        }
    }

    /// More emergencies about one camera than the rules allow, before two honest trustees of three, one of
    /// which may be put back from an old backup.
    pub fn counting() -> Self {
        Self {
            name: "counting",
            needed: 2,
            asks: vec![Ask::Emergency, Ask::Second],
            leaves: 2,
            times: vec![NOON],
            crashes: 0,
            restores: 1,
            histories: 1,
            ..Self::releasing()
        }
    }

    /// Two leaves of one id, before the same.
    pub fn naming() -> Self {
        Self { name: "naming", asks: vec![Ask::Emergency, Ask::Twin], ..Self::counting() }
    }

    /// A recovery that waits, its veto, heads from before the veto, and a trustee that falls.
    pub fn recovering() -> Self {
        Self {
            name: "recovering",
            trustees: 2,
            needed: 2,
            asks: vec![Ask::Recovery],
            leaves: 2,
            times: vec![NOON, MINUTE_LATER, BEFORE_MIDNIGHT],
            histories: 1,
            ..Self::releasing()
        }
    }

    /// Every witness lies, beyond what is assumed, once all have read on: what was read is not undone.
    pub fn rewriting() -> Self {
        Self {
            name: "rewriting",
            trustees: 2,
            needed: 2,
            lying: 4,
            asks: vec![Ask::Emergency, Ask::Second],
            leaves: 2,
            read: vec![Ask::Emergency],
            times: vec![NOON],
            ..Self::releasing()
        }
    }

    /// The same scope where this is done wrong.
    pub fn with(self, mistake: Mistake) -> Self {
        let quorum = if mistake == Mistake::SmallQuorum { 2 } else { self.quorum };
        Self { quorum, mistake: Some(mistake), ..self }
    }

    /// The trustees that do as the contract says.
    pub(crate) fn honest(&self) -> u8 {
        self.trustees - self.leaking
    }

    /// Whether there is an honest witness in every quorum.
    pub(crate) fn is_witnessed(&self) -> bool {
        self.lying < self.quorum
    }

    pub(crate) fn makes(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }
}
