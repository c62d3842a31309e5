//! `--overwrite`: what of a file that is there already may be replaced by one of ours, and by which.

use clap::Args;
use host::durable::{IsOfKind, Target};
use std::path::PathBuf;

#[derive(Debug, Clone, Copy, Args, Default)]
pub(crate) struct Overwrite {
    /// Replace the file if there is one, and it is of the same kind. Nothing else is ever replaced.
    #[arg(long)]
    overwrite: bool,
}

impl Overwrite {
    /// In a folder that is the program's own: what is made again takes the place of what was.
    pub(crate) const ANEW: Self = Self { overwrite: true };

    /// An MP4, plain or fragmented.
    pub(crate) fn film(self, path: impl Into<PathBuf>) -> Target {
        self.target(path, |begin| begin.get(4..8) == Some(b"ftyp"))
    }

    /// An evidence file.
    pub(crate) fn evidence(self, path: impl Into<PathBuf>) -> Target {
        // A length, a version, a type.
        self.target(path, |begin| begin.get(4..7) == Some(&[0, 1, escrow::evidence::TYPE]))
    }

    /// A court file: a zip.
    pub(crate) fn court_file(self, path: impl Into<PathBuf>) -> Target {
        self.target(path, |begin| begin.starts_with(b"PK\x03\x04"))
    }

    fn target(self, path: impl Into<PathBuf>, is_of_kind: IsOfKind) -> Target {
        match self.overwrite {
            true => Target::replacing(path, is_of_kind),
            false => Target::from(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::durable::TargetError;

    #[test]
    fn keys_and_configurations_are_of_no_kind_that_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("there");
        let over = Overwrite::ANEW;
        let all = [over.film(&path), over.evidence(&path), over.court_file(&path)];
        for text in
            ["keybook = \"keybook\"\n", "{\"cameras\":[]}", "PRIVATE+KEY+a+b+c", "log a+1+b\nquorum 2\n"]
        {
            std::fs::write(&path, text).unwrap();
            let refused = |to: &Target| matches!(to.check(), Err(TargetError::OfAnotherKind { .. }));
            assert!(all.iter().all(refused), "{text}");
        }
        let film = [&[0, 0, 0, 24][..], b"ftypisom\0\0\0\0"].concat();
        for (bytes, of) in [(film, 0), (b"PK\x03\x04\x2d\0".to_vec(), 2)] {
            std::fs::write(&path, bytes).unwrap();
            let taken: Vec<bool> = all.iter().map(|to| to.check().is_ok()).collect();
            assert_eq!(taken, [of == 0, of == 1, of == 2]);
        }
    }
}
