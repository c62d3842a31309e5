//! Every history of the log that a run meets, once: its entries, the real register of them, the real tree.
//!
//! A history is a node of a trie: the entries from the log's first to this one. So a head of a state is a
//! number, what it says is folded once, and whether a history continues another is asked of
//! `tlog::merkle` once. A signed head of another history with the same root does not exist (SHA-256).

use crate::asked::Ask;
use crate::world::{Said, World, grant, veto};
use escrow::record::Name;
use escrow::register::Register;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, RwLock};
use tlog::Entry as _;
use tlog::merkle::{Tree, leaf_hash, verify_consistency};
use tlog::stamp::StampKey;

/// A history by its number.
pub(crate) type At = u32;
/// The history of the founding entries alone.
pub(crate) const FOUNDED: At = 0;

/// An entry: what it says, and the moment of its stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) said: Said,
    pub(crate) stamp: u8,
}

#[derive(Debug, Clone)]
pub(crate) struct History {
    /// What stands behind the founding entries.
    pub(crate) entries: Vec<Entry>,
    /// The histories that it continues, from the founding one to itself.
    pub(crate) path: Vec<At>,
    pub(crate) register: Register,
    tree: Tree,
    /// The bytes of each entry.
    bytes: Vec<Vec<u8>>,
    /// How many entries are the founding ones.
    founding: u64,
    /// The honest trustees whose grants of each request count, by bit; by the real register.
    granted: [u8; Ask::ALL.len()],
}

impl History {
    /// How many entries stand behind the founding ones.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entry of a request.
    pub(crate) fn asked(&self, ask: Ask) -> Option<Entry> {
        self.entries.iter().copied().find(|entry| entry.said == Said::Request(ask))
    }

    /// The place of an entry in the log.
    pub(crate) fn index_of(&self, said: Said) -> Option<u64> {
        let at = self.entries.iter().position(|entry| entry.said == said)?;
        Some(self.founding + u64::try_from(at).unwrap())
    }

    /// The bytes of the entry of a request, with its place.
    pub(crate) fn request(&self, ask: Ask) -> Option<(u64, &[u8])> {
        let index = self.index_of(Said::Request(ask))?;
        Some((index, &self.bytes[usize::try_from(index - self.founding).unwrap()]))
    }

    /// The honest trustees whose grants of a request stand in it, by bit.
    pub(crate) fn granted(&self, ask: Ask) -> u8 {
        self.granted[ask.at()]
    }

    /// Requests and vetoes, which whoever may submit adds.
    pub(crate) fn submitted(&self) -> usize {
        self.entries.iter().filter(|entry| !matches!(entry.said, Said::Grant(..))).count()
    }
}

#[derive(Debug)]
pub(crate) struct Histories {
    all: RwLock<Vec<Arc<History>>>,
    next: Mutex<HashMap<(At, Entry), At>>,
    grows: Mutex<HashMap<(At, At), bool>>,
}

impl Histories {
    pub(crate) fn new(world: &World) -> Self {
        let log = stage::paper::log_key().verifier();
        let mut register = Register::new(StampKey::of(&log).into_iter().collect());
        let (mut tree, founding) = (Tree::new(), world.founding());
        for (index, entry) in (0..).zip(&founding) {
            tree.push(leaf_hash(entry));
            register.fold(index, entry).unwrap();
        }
        let founded = History {
            entries: Vec::new(),
            path: vec![FOUNDED],
            register,
            tree,
            bytes: Vec::new(),
            founding: founding.len().try_into().unwrap(),
            granted: [0; Ask::ALL.len()],
        };
        let all = RwLock::new(vec![Arc::new(founded)]);
        Self { all, next: Mutex::default(), grows: Mutex::default() }
    }

    pub(crate) fn at(&self, at: At) -> Arc<History> {
        self.all.read().unwrap()[at as usize].clone()
    }

    /// The history with this entry behind it.
    pub(crate) fn extended(&self, world: &World, at: At, entry: Entry) -> At {
        let mut next = self.next.lock().unwrap();
        if let Some(known) = next.get(&(at, entry)) {
            return *known;
        }
        let mut all = self.all.write().unwrap();
        let new = At::try_from(all.len()).unwrap();
        let grown = grown(&all[at as usize], world, entry, new);
        all.push(Arc::new(grown));
        next.insert((at, entry), new);
        new
    }

    /// Whether the second history continues the first, as a verifier of their heads finds out.
    pub(crate) fn grows(&self, old: At, new: At) -> bool {
        if let Some(known) = self.grows.lock().unwrap().get(&(old, new)) {
            return *known;
        }
        let (from, to) = (self.at(old), self.at(new));
        let (old_size, new_size) = (from.tree.size(), to.tree.size());
        let verified = old_size <= new_size && {
            // The best that a log of the new tree can show.
            let proof = to.tree.prove_consistency(old_size, new_size).unwrap();
            verify_consistency(old_size, &from.tree.root(), new_size, &to.tree.root(), &proof).is_ok()
        };
        assert_eq!(verified, to.path.get(from.len()) == Some(&old), "the mathematics of the tree");
        self.grows.lock().unwrap().insert((old, new), verified);
        verified
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.read().unwrap().len()
    }
}

fn grown(history: &History, world: &World, entry: Entry, new: At) -> History {
    let mut grown = history.clone();
    let about = |ask: Ask| {
        let (index, bytes) = history.request(ask).expect("it is about a request that stands before it");
        (index, bytes.to_vec())
    };
    let leaf = match entry.said {
        Said::Request(ask) => world.request(ask).entry_bytes().to_vec(),
        Said::Veto(ask) => {
            let (index, bytes) = about(ask);
            veto(ask, index, leaf_hash(&bytes))
        }
        Said::Grant(by, ask) => {
            let (index, bytes) = about(ask);
            grant(by, ask, index, bytes)
        }
    };
    let bytes = world.stamp(&leaf, world.time(entry.stamp));
    grown.register.fold(grown.tree.size(), &bytes).unwrap();
    grown.tree.push(leaf_hash(&bytes));
    grown.bytes.push(bytes);
    grown.entries.push(entry);
    grown.path.push(new);
    for ask in Ask::ALL {
        let Some((index, _)) = grown.request(ask) else { continue };
        let by = grown.register.request(index).map(|asked| asked.grants.keys()).into_iter().flatten();
        grown.granted[ask.at()] = by.map(|name| 1 << number(name)).fold(0, |all, bit: u8| all | bit);
    }
    grown
}

/// The number of the trustee of this name.
fn number(name: &Name) -> u8 {
    let all = 0..stage::leaves::TRUSTEES;
    all.into_iter().find(|number| stage::keys::trustee(*number).name() == name.as_str()).unwrap()
}
