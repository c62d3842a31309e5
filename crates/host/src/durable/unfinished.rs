//! A file that is written over time, and gets its name when it is whole.

use super::{DurableError, missing, parent, private, sync_dir};
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes that are handed over at once.
const PIECE: usize = 256 << 10;

/// Gone when it is dropped, unless it got its name.
#[derive(Debug)]
pub struct Unfinished {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Unfinished {
    /// In the folder of `beside`, under a name that nobody takes for a finished one.
    pub fn create(beside: &Path) -> Result<Self, DurableError> {
        Self::begin(beside, "part")
    }

    /// All of a file that is written at once.
    pub(super) fn whole(beside: &Path, bytes: &[u8]) -> Result<Self, DurableError> {
        let mut file = Self::begin(beside, "tmp")?;
        file.file.write_all(bytes).map_err(|error| DurableError::at(beside, error))?;
        Ok(file)
    }

    fn begin(beside: &Path, ending: &str) -> Result<Self, DurableError> {
        let name = beside.file_name().ok_or_else(|| missing(beside))?.to_string_lossy();
        let suffix = hex::encode(crate::rng::bytes::<8>());
        let path = parent(beside).join(format!(".{name}.{suffix}.{ending}"));
        let opened = private().read(true).write(true).create_new(true).open(&path);
        let file = BufWriter::new(opened.map_err(|error| DurableError::at(beside, error))?);
        Ok(Self { path, file })
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), DurableError> {
        self.file.write_all(bytes).map_err(|error| DurableError::at(&self.path, error))
    }

    /// What was written so far, to be read.
    pub fn read_back(&mut self) -> Result<&mut File, DurableError> {
        self.file.flush().map_err(|error| DurableError::at(&self.path, error))?;
        Ok(self.file.get_mut())
    }

    /// Hands over what was written, piece by piece from its beginning; the file is of no more use.
    pub fn hand_over(
        mut self,
        mut take: impl FnMut(&[u8]) -> Result<(), DurableError>,
    ) -> Result<(), DurableError> {
        let path = self.path.clone();
        let at = |error: io::Error| DurableError::at(&path, error);
        self.file.flush().map_err(at)?;
        let file = self.file.get_mut();
        file.seek(SeekFrom::Start(0)).map_err(at)?;
        let mut piece = vec![0; PIECE];
        loop {
            let read = file.read(&mut piece).map_err(at)?;
            match piece.get(..read) {
                Some(got @ [_, ..]) => take(got)?,
                _ => return Ok(()),
            }
        }
    }

    /// Gives it its name, in place of a file that has it; durable on return.
    pub fn rename(mut self, to: &Path) -> Result<(), DurableError> {
        let renamed = self.sync().and_then(|()| std::fs::rename(&self.path, to));
        renamed.map_err(|error| DurableError::at(to, error))?;
        sync_dir(parent(to))
    }

    /// Gives it its name, which nothing may have; durable once its folder is synced.
    pub(super) fn link(mut self, to: &Path) -> Result<(), DurableError> {
        let linked = self.sync().and_then(|()| std::fs::hard_link(&self.path, to));
        linked.map_err(|error| DurableError::at(to, error))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Best effort: the name says that it is no finished file. What was renamed has it no more.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_its_name_when_it_is_whole_and_leaves_nothing_otherwise() {
        let dir = tempfile::tempdir().unwrap();
        let names = || {
            let found = std::fs::read_dir(dir.path()).unwrap();
            found.map(|it| it.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
        };
        let to = dir.path().join("clip.mp4");
        let mut media = Unfinished::create(&to).unwrap();
        let long = vec![7; PIECE + 1];
        media.write(&long).unwrap();
        let mut whole = Unfinished::create(&to).unwrap();
        whole.write(b"head").unwrap();
        assert!(names().len() == 2 && names().iter().all(|name| name.ends_with(".part")));
        media.hand_over(|piece| whole.write(piece)).unwrap();
        whole.rename(&to).unwrap();
        assert_eq!(names(), ["clip.mp4"]);
        assert_eq!(std::fs::read(&to).unwrap(), [&b"head"[..], &long].concat());
        drop(Unfinished::create(&to).unwrap());
        assert_eq!(names(), ["clip.mp4"], "given up");
    }
}
