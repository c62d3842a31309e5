//! Registrars, and what each speaks for. Contract: `proto/release.md#policydoc`.
//!
//! ```text
//! registrar registrar.example+7ab47f8b+AXPt8Hv... police.example,sheriff.example US,CA
//!                                                 names, each with what is below it; countries; `*` is all
//! ```

use crate::record::value::Value;
use crate::record::{Country, Name, Vkey};
use alloc::string::String;
use alloc::vec::Vec;

/// Some, or all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope<T> {
    /// `*`.
    All,
    /// These, at least one.
    Of(Vec<T>),
}

/// A registrar of the PolicyDoc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registrar {
    /// Its key, which signs its leaves.
    pub key: Vkey,
    /// Under which names it registers keys.
    pub names: Scope<Name>,
    /// For requests of which countries these keys count.
    pub countries: Scope<Country>,
}

impl Scope<Name> {
    /// Whether a name is of the scope, or below one that is.
    pub fn covers(&self, name: &Name) -> bool {
        match self {
            Self::All => true,
            Self::Of(names) => names.iter().any(|own| own.covers(name)),
        }
    }
}

impl Scope<Country> {
    /// Whether a country is of the scope.
    pub fn covers(&self, country: Country) -> bool {
        match self {
            Self::All => true,
            Self::Of(countries) => countries.contains(&country),
        }
    }
}

impl<T: Value> Value for Scope<T> {
    fn write(&self, out: &mut String) {
        match self {
            Self::All => out.push('*'),
            Self::Of(items) => {
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
            }
        }
    }

    fn read(text: &str) -> Option<Self> {
        match text {
            "*" => Some(Self::All),
            list => list.split(',').map(T::read).collect::<Option<_>>().map(Self::Of),
        }
    }
}

impl Value for Registrar {
    fn write(&self, out: &mut String) {
        self.key.write(out);
        out.push(' ');
        self.names.write(out);
        out.push(' ');
        self.countries.write(out);
    }

    fn read(text: &str) -> Option<Self> {
        let (key, scope) = text.split_once(' ')?;
        let (names, countries) = scope.split_once(' ')?;
        Some(Self { key: Vkey::read(key)?, names: Scope::read(names)?, countries: Scope::read(countries)? })
    }
}
