//! Names of tile files, on disk and in URLs (C2SP tlog-tiles).
//!
//! ```text
//! tile/0/x001/x234/067          level 0, index 1,234,067, full
//! tile/entries/000.p/7          the first bundle, 7 entries
//! ```

/// Hashes in a full tile, entries in a full bundle.
pub const WIDTH: usize = 256;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Level(u8),
    Entries,
}

/// One tile or bundle; `width` is [`WIDTH`] when it is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TileName {
    pub kind: Kind,
    pub index: u64,
    pub width: u16,
}

impl TileName {
    pub fn full(kind: Kind, index: u64) -> Self {
        Self { kind, index, width: WIDTH as u16 }
    }

    pub fn is_full(&self) -> bool {
        usize::from(self.width) == WIDTH
    }

    /// Whether a tree of `size` leaves has this tile.
    pub fn is_in(&self, size: u64) -> bool {
        let level = match self.kind {
            Kind::Level(level) => u32::from(level),
            Kind::Entries => 0,
        };
        let hashes = size.checked_shr(8 * level).unwrap_or(0);
        let end = self.index.checked_mul(WIDTH as u64).and_then(|start| start.checked_add(u64::from(self.width)));
        end.is_some_and(|end| end <= hashes)
    }

    /// The name in the data folder: that of the URL, below `public/`.
    pub fn path(&self) -> String {
        format!("public/{}", self.url_path())
    }

    /// The name in a URL, without a leading slash.
    pub fn url_path(&self) -> String {
        let kind = match self.kind {
            Kind::Level(level) => level.to_string(),
            Kind::Entries => "entries".to_owned(),
        };
        let mut index = format!("{:03}", self.index % 1000);
        let mut rest = self.index / 1000;
        while rest > 0 {
            index = format!("x{:03}/{index}", rest % 1000);
            rest /= 1000;
        }
        match self.is_full() {
            true => format!("tile/{kind}/{index}"),
            false => format!("tile/{kind}/{index}.p/{}", self.width),
        }
    }

    /// Parses the path of a URL, without the leading slash. There is one spelling of a name; others are `None`.
    pub fn parse(path: &str) -> Option<Self> {
        let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let kind = match kind {
            "entries" => Kind::Entries,
            level => Kind::Level(level.parse().ok().filter(|level| *level < 64)?),
        };
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, width.parse().ok().filter(|width| (1..WIDTH as u16).contains(width))?),
            None => (rest, WIDTH as u16),
        };
        let mut value = 0u64;
        for element in index.split('/') {
            let digits = element.strip_prefix('x').unwrap_or(element);
            if digits.len() != 3 {
                return None;
            }
            value = value.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
        }
        let name = Self { kind, index: value, width };
        (name.url_path() == path).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_specification() {
        for (text, kind, index, width) in [
            ("tile/0/x001/x234/067", Kind::Level(0), 1_234_067, 256),
            ("tile/63/000", Kind::Level(63), 0, 256),
            ("tile/entries/273.p/112", Kind::Entries, 273, 112),
            ("tile/2/000.p/1", Kind::Level(2), 0, 1),
        ] {
            let expected = TileName { kind, index, width };
            assert_eq!(TileName::parse(text), Some(expected), "{text}");
            assert_eq!(expected.url_path(), text);
        }
    }

    #[test]
    fn other_spellings_and_paths_out_of_the_folder_are_refused() {
        for text in [
            "", "tile", "tile/", "tile/0", "tile/0/", "tile/0/0", "tile/0/00", "tile/0/0000", "tile/00/000", "tile/64/000",
            "tile/-1/000", "tile/+1/000", "tile/0/001/234", "tile/0/x001", "tile/0/xx01/234", "tile/0/x000/001",
            "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/+1", "tile/0/000.p/", "tile/0/000.p",
            "tile/0/../../../lock", "tile/entries/../checkpoint", "tile/0/+01", "tile/0/000/", "Tile/0/000",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert_eq!(TileName::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_tile_belongs_to_trees_that_reach_its_end() {
        let partial = TileName { kind: Kind::Level(1), index: 0, width: 2 };
        assert!(partial.is_in(512) && partial.is_in(u64::MAX) && !partial.is_in(511));
        assert!(!TileName { kind: Kind::Level(63), index: 0, width: 1 }.is_in(u64::MAX));
        assert!(!TileName::full(Kind::Entries, u64::MAX).is_in(u64::MAX));
        assert!(TileName::full(Kind::Entries, 0).is_in(256) && !TileName::full(Kind::Entries, 0).is_in(255));
    }
}
