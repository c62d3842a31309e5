//! G4: keys that the log's registrars registered signed the request, and the release key is the one
//! it names. Contract: `proto/release.md#g4`.

use super::log::Stood;
use super::{Refusal, Standing};
use crate::package::Package;
use crate::record::{Request, Role, Signed};
use crate::register::Unauthorised;
use tlog::{Hash, Logged};

pub(super) fn check(
    request: &Logged<Signed<Request>>,
    package: &Package,
    stood: &Stood<'_>,
    standing: &Standing<'_>,
) -> Result<(), Refusal> {
    standing.register.authority(request.value()).map_err(|error| match error {
        Unauthorised::Missing(Role::Officer) => Refusal::OfficerUnregistered,
        Unauthorised::Missing(Role::Supervisor) => Refusal::SupervisorUnregistered,
        Unauthorised::Missing(Role::Sponsor | Role::Court) => Refusal::SponsorUnregistered,
        Unauthorised::Revoked(role) => Refusal::KeyRevoked(role),
        Unauthorised::Others => Refusal::OtherSignatures,
    })?;
    // SPEC: release.md#g4: the keys MUST have been registered when the request was logged, too:
    // only then did it count.
    if !stood.asked.authorised {
        return Err(Refusal::RegisteredLate);
    }
    if Hash::of(&[&package.release_key]) != request.value().value().release_key {
        return Err(Refusal::ReleaseKeyMismatch);
    }
    Ok(())
}
