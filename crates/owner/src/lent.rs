//! A kept session that is lent to one at a time; who comes while it is lent opens another, and so does
//! who comes after a question that failed, whose session is not given back.

use crate::state::{As, Owner};
use host::lock::Mutex;
use relay_client::Session;

#[derive(Debug, Default)]
pub(crate) struct Lent(Mutex<Option<Session>>);

impl Lent {
    pub(crate) fn borrow(&self, owner: &Owner) -> Session {
        self.0.lock().take().unwrap_or_else(|| owner.session(As::Device))
    }

    pub(crate) fn give_back(&self, session: Session) {
        *self.0.lock() = Some(session);
    }
}
