//! The store's errors as refusals: a peer reads what it did wrong or may do later, and the
//! operator's log alone what failed inside.

use media::message::{Refusal, RefusalCode};
use store::StoreError;

/// `?` on the store's answers, in a function that refuses.
pub(crate) trait OrRefuse<T> {
    fn or_refuse(self) -> Result<T, Refusal>;
}

impl<T> OrRefuse<T> for Result<T, StoreError> {
    fn or_refuse(self) -> Result<T, Refusal> {
        self.map_err(|error| refusal(&error))
    }
}

/// A refusal of the store's, in the words of the session.
pub(crate) fn refusal(error: &StoreError) -> Refusal {
    match error.refusal_code() {
        RefusalCode::Internal => {
            tracing::error!(%error, "the store failed");
            internal()
        }
        RefusalCode::StorageFull => {
            tracing::warn!(%error, "storage is full");
            RefusalCode::StorageFull.because("the relay's storage is full: keep this and send it again later")
        }
        code => code.because(error.to_string()),
    }
}

pub(crate) fn internal() -> Refusal {
    RefusalCode::Internal.because("the relay failed inside: try again, and tell its operator")
}
