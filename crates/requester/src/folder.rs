//! One request's durable state: a folder.

use std::path::{Path, PathBuf};

/// The folder of one request.
#[derive(Debug, Clone)]
pub struct RequestFolder {
    path: PathBuf,
}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    #[error("{}: holds no request; `candor request new` makes one", .path.display())]
    Missing { path: PathBuf },
    #[error(transparent)]
    Durable(#[from] host::durable::DurableError),
}

impl RequestFolder {
    /// Names the folder; nothing is created before `request::new`.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}
