//! The policy under which this log publishes: it must know the log by its present key, and be able
//! to reach a quorum.

use crate::config::Config;
use crate::error::{Error, PolicyMisfit};
use tlog::note::Verifier;
use tlog::policy::{POLICY_MAX_BYTES, Policy};

pub(crate) fn read(config: &Config, own_key: &Verifier) -> Result<Policy, Error> {
    let what = "policy file; write a tlog-policy with this log's key, its witnesses and the quorum";
    let check = |bytes: &[u8]| check(bytes, &config.origin, own_key);
    Ok(host::given::read(&config.policy, POLICY_MAX_BYTES, what, check)?)
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
