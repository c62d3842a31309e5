//! What a leaf would count for, said before it stands in the log for ever: by the register itself, as
//! every reader of the log folds it. Contract: `proto/release.md#register`.

use crate::add::key;
use crate::config::Config;
use crate::error::{Error, ForNothing};
use crate::key::{name, signer};
use crate::rules::read_rules;
use escrow::policy::PolicyDoc;
use escrow::record::value::Value as _;
use escrow::record::{Bytes, KeyState, Leaf, PolicyDocLeaf, Record, RequesterKey, Role, Seconds, Signed};
use escrow::register::{Register, Weight};
use host::clock::Clock;
use host::http::FetchError;
use log_client::{FollowError, LogClient, MAX_AHEAD_SECS, MAX_HEAD_AGE_SECS};
use std::path::Path;
use std::time::Duration;
use tlog::Entry as _;
use tlog::policy::{CosignedCheckpoint, Window};
use tlog::reader::{Head, VerifiedEntry};

/// Half a minute in all.
const FIRST_HEAD_LOOKS: u32 = 60;
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// The log's leaves of the register that count, and what they say together.
struct Standing {
    register: Register,
    leaves: Vec<(u64, Signed<Leaf>)>,
}

/// Whether a registration or revocation would count: then none; or the place of the leaf that says the
/// same already. An error where it would count for nothing.
pub async fn foresee_key(
    config: &Config,
    state: KeyState,
    role: Role,
    agency: &str,
    vkey: &str,
) -> Result<Option<u64>, Error> {
    let (agency, vkey) = (name(agency)?, key(vkey)?);
    let own_name = vkey.verifier().name();
    let host = own_name.split('/').next().unwrap_or_default();
    let is_agencys = escrow::record::Name::new(host).is_some_and(|host| agency.covers(&host));
    if !is_agencys {
        return Err(ForNothing::OtherName { key: own_name.to_owned(), agency: agency.to_string() }.into());
    }
    let (registrar, time) = (name(&config.name)?, Seconds(Clock::system().seconds()));
    let stated = RequesterKey { state, role, agency, vkey, registrar, time };
    let standing = Standing::read(config).await?;
    let weight = standing.weigh(config, stated.clone(), time)?;
    let same = |leaf: &Signed<Leaf>| match leaf.value() {
        Leaf::RequesterKey(known) if known.vkey == stated.vkey => Some(known.state),
        _ => None,
    };
    // What was said of the key last.
    let last = standing.leaves.iter().rev().find_map(|(at, leaf)| Some((*at, same(leaf)?)));
    match (weight, last) {
        (Weight::Counts, _) => Ok(None),
        (Weight::Repeated, Some((at, said))) if said == state => Ok(Some(at)),
        (Weight::Repeated, _) => Err(ForNothing::Revoked.into()),
        (Weight::Dangling, _) => Err(ForNothing::NeverRegistered.into()),
        (Weight::Unsigned | Weight::Unauthorised | Weight::Unknown, _) => {
            Err(why_unheard(config, &standing, &stated)?.into())
        }
    }
}

/// The same of the rules in a file.
pub async fn foresee_rules(config: &Config, path: &Path) -> Result<Option<u64>, Error> {
    let (rules, time) = (read_rules(path)?, Seconds(Clock::system().seconds()));
    let standing = Standing::read(config).await?;
    let Some(in_force) = standing.register.rules() else {
        return match rules.previous() {
            None => Ok(None),
            Some(_) => Err(ForNothing::NotNext { in_force: "none".to_owned() }.into()),
        };
    };
    let hash = rules.hash();
    if in_force.hash() == hash {
        let published = |leaf: &Signed<Leaf>| matches!(leaf.value(), Leaf::PolicyDoc(_));
        return Ok(standing.leaves.iter().rev().find(|(_, leaf)| published(leaf)).map(|(at, _)| *at));
    }
    let in_force = in_force.hash().to_hex();
    if standing.register.rules_of(&hash).is_some() {
        return Err(ForNothing::Superseded { in_force }.into());
    }
    let operator = name(&config.name)?;
    let leaf = PolicyDocLeaf { operator, document: Bytes(rules.encode()), time };
    match standing.weigh(config, leaf, time)? {
        Weight::Counts => Ok(None),
        _ if rules.previous() != standing.register.rules().map(PolicyDoc::hash).as_ref() => {
            Err(ForNothing::NotNext { in_force }.into())
        }
        _ => Err(ForNothing::NotTheirOperator { operator: standing.operator() }.into()),
    }
}

/// Why nobody hears the registrar say this.
fn why_unheard(config: &Config, standing: &Standing, said: &RequesterKey) -> Result<ForNothing, Error> {
    let Some(rules) = standing.register.rules() else { return Ok(ForNothing::NoRules) };
    let own = signer(config)?.verifier();
    let Some(registrar) = rules.registrars().iter().find(|known| *known.key.verifier() == own) else {
        return Ok(ForNothing::NoRegistrar { vkey: own.vkey() });
    };
    if registrar.names.covers(&said.agency) {
        return Ok(ForNothing::OtherKey);
    }
    let mut scope = String::new();
    registrar.names.write(&mut scope);
    Ok(ForNothing::OutOfScope { agency: said.agency.to_string(), scope })
}

/// The log's head; one that has just begun shows none until its first quorum, which is waited for.
async fn published(log: &LogClient) -> Result<CosignedCheckpoint, FollowError> {
    for _ in 0..FIRST_HEAD_LOOKS {
        let window = Window::around(Clock::system().seconds(), MAX_HEAD_AGE_SECS, MAX_AHEAD_SECS);
        match log.head(window).await {
            Err(FollowError::Fetch(FetchError::Status { status: 404, .. })) => {}
            looked => return looked,
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    log.head(Window::around(Clock::system().seconds(), MAX_HEAD_AGE_SECS, MAX_AHEAD_SECS)).await
}

impl Standing {
    async fn read(config: &Config) -> Result<Self, Error> {
        let log = LogClient::from_file(&config.log.url, &config.log.policy)?;
        let head = published(&log).await?;
        let mut standing = Self { register: Register::new(log.policy().stamp_keys()), leaves: Vec::new() };
        let mut fold = |entry: VerifiedEntry| {
            let folded = standing.register.fold(entry.index(), entry.bytes());
            if let Some(folded) = folded.expect("a verified log is read in order")
                && folded.weight == Weight::Counts
                && matches!(folded.leaf.value(), Leaf::PolicyDoc(_) | Leaf::RequesterKey(_))
            {
                standing.leaves.push((entry.index(), folded.leaf));
            }
        };
        log.read(Head::EMPTY, &head, &mut fold).await?;
        Ok(standing)
    }

    fn weigh<T: Record>(&self, config: &Config, leaf: T, time: Seconds) -> Result<Weight, Error> {
        let leaf = Signed::sign(leaf, &[&signer(config)?])?;
        Ok(self.register.foresee(leaf.entry_bytes(), time)?)
    }

    fn operator(&self) -> String {
        self.register.rules().map(|rules| rules.operator().vkey()).unwrap_or_default()
    }
}
