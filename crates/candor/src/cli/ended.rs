//! How a command ends when it does not end with yes: the exit code, and what is said.

/// A command that did not end with yes.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(super) code: u8,
    pub(super) error: Option<anyhow::Error>,
}

pub(crate) type Outcome = Result<(), Ended>;

impl Ended {
    /// The answer is no, and the command has said why.
    pub(crate) const NO: Self = Self { code: 1, error: None };
    /// An alarm stands, and the command has said which.
    pub(crate) const ALARM: Self = Self { code: 3, error: None };

    /// Wrong arguments, configuration or files that these name.
    pub(crate) fn wrong(error: impl Into<anyhow::Error>) -> Self {
        Self { code: 2, error: Some(error.into()) }
    }

    /// The answer is no, because of this.
    pub(crate) fn no(error: impl Into<anyhow::Error>) -> Self {
        Self { code: 1, error: Some(error.into()) }
    }

    /// An alarm.
    pub(crate) fn alarm(error: impl Into<anyhow::Error>) -> Self {
        Self { code: 3, error: Some(error.into()) }
    }
}

/// What is not said to be otherwise could not be done now.
impl<E: Into<anyhow::Error>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self { code: 4, error: Some(error.into()) }
    }
}
