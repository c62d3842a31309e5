//! A message's picture as a file, for one command while it runs.
//!
//! ```text
//! keybook/alarm-picture-9f86....jpg      mode 0600, in a folder that is closed to others
//! ```

use crate::alarm::Pictured;
use host::durable::private;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

const PREFIX: &str = "alarm-picture-";

/// Dropped, the file is gone.
#[derive(Debug)]
pub(super) struct PictureFile(pub(super) PathBuf);

impl PictureFile {
    /// Blocks.
    pub(super) fn write(pictured: &Pictured) -> io::Result<Self> {
        let Pictured { still, folder, .. } = pictured;
        let name = format!("{PREFIX}{}.{}", hex::encode(host::rng::bytes::<8>()), still.extension());
        let file = Self(folder.join(name));
        private().write(true).create_new(true).open(&file.0)?.write_all(&still.bytes)?;
        Ok(file)
    }
}

impl Drop for PictureFile {
    fn drop(&mut self) {
        // A command may have moved it.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Removes what a process that was killed left. Blocks.
pub(crate) fn sweep(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
