//! Small lists that a keybook keeps beside its book, each in a JSON file of its own: read whole,
//! changed under the folder's lock, durable on return. As secret as the folder.

use crate::book::{self, BookError};
use host::blocking;
use host::durable::{self, DurableError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// The largest list that is read, and so that is written.
const MAX_BYTES: u64 = 64 << 10;

/// One kind of list; its default is what is kept before the first change.
pub(crate) trait Kept:
    Default + Clone + PartialEq + Serialize + DeserializeOwned + Send + 'static
{
    /// Its name in the folder.
    const FILE: &'static str;
    /// What it is, for people, and what to do where the file is something else.
    const WHAT: &'static str;
    const ADVICE: &'static str;
    const FORMAT: u32;

    /// The format that the file says it has.
    fn format(&self) -> u32;
}

/// Why a list was not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    #[error("{}: not {what}: {reason}; {advice}", .path.display())]
    Malformed { path: PathBuf, what: &'static str, reason: String, advice: &'static str },
    #[error("{} would be {bytes} bytes long, and is {MAX_BYTES} at the most; nothing is changed; take something out of it first", .path.display())]
    TooLarge { path: PathBuf, bytes: usize },
    #[error(transparent)]
    Lock(#[from] BookError),
    #[error(transparent)]
    File(#[from] DurableError),
}

/// What is kept now.
pub(crate) async fn read<T: Kept>(folder: &Path) -> Result<T, KeptError> {
    let folder = folder.to_owned();
    blocking::run(move || read_now(&folder)).await
}

fn read_now<T: Kept>(folder: &Path) -> Result<T, KeptError> {
    let path = folder.join(T::FILE);
    let Some(bytes) = durable::read_limited(&path, MAX_BYTES)? else { return Ok(T::default()) };
    let malformed =
        |reason| KeptError::Malformed { path: path.clone(), what: T::WHAT, reason, advice: T::ADVICE };
    let kept: T = serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
    match kept.format() == T::FORMAT {
        true => Ok(kept),
        false => Err(malformed(format!("format {}", kept.format()))),
    }
}

/// Reads the file anew, changes it, and writes it; on an error nothing is changed.
pub(crate) async fn change<T: Kept, R, E>(
    folder: &Path,
    change: impl FnOnce(&mut T) -> Result<R, E> + Send + 'static,
) -> Result<R, E>
where
    R: Send + 'static,
    E: From<KeptError> + Send + 'static,
{
    let folder = folder.to_owned();
    blocking::run(move || {
        let _lock = book::lock(&folder).map_err(KeptError::from)?;
        let mut kept = read_now::<T>(&folder)?;
        let before = kept.clone();
        let changed = change(&mut kept)?;
        if kept != before {
            let text = serde_json::to_vec_pretty(&kept).unwrap_or_default();
            let path = folder.join(T::FILE);
            if text.len() as u64 > MAX_BYTES {
                return Err(KeptError::TooLarge { path, bytes: text.len() }.into());
            }
            durable::write_atomic(&path, &text).map_err(KeptError::from)?;
        }
        Ok(changed)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
    struct Notes(Vec<String>);

    impl Kept for Notes {
        const FILE: &'static str = "notes.json";
        const WHAT: &'static str = "notes";
        const ADVICE: &'static str = "remove the file";
        const FORMAT: u32 = 1;

        fn format(&self) -> u32 {
            1
        }
    }

    #[tokio::test]
    async fn what_could_not_be_read_again_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let add = async |text: String| {
            let add = move |notes: &mut Notes| {
                notes.0.push(text);
                Ok::<(), KeptError>(())
            };
            change(folder.path(), add).await
        };
        add("kept".to_owned()).await.unwrap();
        let error = add("x".repeat(64 << 10)).await.unwrap_err();
        assert!(matches!(error, KeptError::TooLarge { .. }), "{error}");
        assert_eq!(read::<Notes>(folder.path()).await.unwrap().0, ["kept"]);
    }
}
