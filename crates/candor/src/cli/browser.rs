//! Opens the owner's page in the browser of this device.
//!
//! The address holds the token, and a process's arguments can be read by every user of the machine.
//! So the browser is given a file that only the owner can read, and the file sends it on.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The file; removed with this.
pub(super) struct Door(PathBuf);

impl Drop for Door {
    fn drop(&mut self) {
        // A file that stays is as secret as the keybook in which it lies, which may keep the token
        // too.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Sends the browser to `url` by way of a file in `folder`.
pub(super) fn open(folder: &Path, url: &str) -> io::Result<Door> {
    let door = write(folder, url)?;
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = Command::new(program);
    command.arg(&door.0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
    Ok(door)
}

fn write(folder: &Path, url: &str) -> io::Result<Door> {
    let path =
        std::path::absolute(folder)?.join(format!("app-{}.html", hex::encode(host::rng::bytes::<8>())));
    let mut file = host::durable::private().write(true).create_new(true).open(&path)?;
    let door = Door(path);
    writeln!(
        file,
        "<!doctype html><meta http-equiv=\"refresh\" content=\"0;url={url}\"><a href=\"{url}\">Candor</a>"
    )?;
    Ok(door)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_address_is_in_a_file_that_only_the_owner_reads_and_that_goes() {
        let folder = tempfile::tempdir().unwrap();
        let door = write(folder.path(), "http://127.0.0.1:1/token/").unwrap();
        let text = std::fs::read_to_string(&door.0).unwrap();
        assert!(text.contains("url=http://127.0.0.1:1/token/\""), "{text}");
        let mode = std::fs::metadata(&door.0).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(door);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
