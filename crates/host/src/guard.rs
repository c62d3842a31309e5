//! Work on input that makes a library panic: an error like any other, at the one place where that is known to happen.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What is wrong with a file on which a library panicked.
pub const SENSELESS: &str = "the file makes no sense";

/// Runs `work`; a panic in it is `otherwise`. What `work` was building is dropped, and nothing it borrowed may be used half changed: for
/// opening files, not for changing them.
pub fn guarded<T, E>(work: impl FnOnce() -> Result<T, E>, otherwise: impl FnOnce() -> E) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(otherwise()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_everything_else_is_what_it_was() {
        assert_eq!(guarded(|| Ok::<_, &str>(1), || "panicked"), Ok(1));
        assert_eq!(guarded(|| Err::<u8, _>("refused"), || "panicked"), Err("refused"));
        let torn: &[u8] = &[];
        assert_eq!(guarded(|| Ok(torn[0]), || "panicked"), Err("panicked"));
    }
}
