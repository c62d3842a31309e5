//! The policy under which this log publishes: it must know the log by its present key, and be able
//! to reach a quorum.

use crate::config::Config;
use crate::error::{Error, PolicyMisfit};
use tlog::note::Verifier;
use tlog::policy::{POLICY_MAX_BYTES, Policy};

pub(crate) fn read(config: &Config, own_key: &Verifier) -> Result<Policy, Error> {
    let path = || config.policy.clone();
    let bytes = host::durable::read_limited(&config.policy, POLICY_MAX_BYTES as u64)?;
    let bytes = bytes.ok_or_else(|| Error::NoPolicy { path: path() })?;
    check(&bytes, &config.origin, own_key).map_err(|source| Error::Policy { path: path(), source })
}

fn check(bytes: &[u8], origin: &str, own_key: &Verifier) -> Result<Policy, PolicyMisfit> {
    let policy = Policy::parse(bytes)?;
    if !policy.log_keys(origin).contains(&own_key) {
        return Err(PolicyMisfit::NotOurs { own_key: own_key.vkey() });
    }
    let reachable = policy.witnesses().iter().filter(|witness| witness.url.is_some());
    if !policy.is_quorum(reachable.map(|witness| witness.name.as_str())) {
        return Err(PolicyMisfit::Unreachable);
    }
    Ok(policy)
}
