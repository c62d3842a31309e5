//! `candor owner address`: from which devices the owner's page may be opened.

use crate::cli::{ConfigFile, Ended, Outcome, Terminal};
use crate::words::{show_here_us, table};
use clap::Subcommand;
use owner::KeptError;
use owner::app::addresses::{self, Address, AddressError};

#[derive(Debug, Subcommand)]
pub(crate) enum AddressVerb {
    /// List the addresses that are kept, with their secrets.
    #[command(after_help = "Example: candor owner address list --config owner.toml")]
    List(ConfigFile),
    /// Make an address for another device or person.
    #[command(after_help = "\
The page listens on this device alone, and speaks plain HTTP. What brings another device to it is yours:
`ssh -L`, as is printed, or a VPN that forwards that port to 127.0.0.1 of this device.
Example: candor owner address add --config owner.toml phone")]
    Add {
        #[command(flatten)]
        file: ConfigFile,
        /// What you call the device or the person.
        name: String,
    },
    /// Revoke an address: it opens nothing any more, and what is watched through it ends.
    #[command(after_help = "\
A page that runs goes by it within two seconds. Everybody's live and recorded pictures stop for a moment then
and come again by themselves where the address is good; an export that is being made is given up and has to be
asked for again. A finished file that is being fetched is fetched to its end. Revoke \"this device\" when its address was seen by others:
the next start makes a new one.
Example: candor owner address revoke --config owner.toml phone")]
    Revoke {
        #[command(flatten)]
        file: ConfigFile,
        /// Its name, as `list` shows it.
        name: String,
    },
}

impl AddressVerb {
    pub(super) async fn run(self, terminal: &Terminal) -> Outcome {
        match self {
            Self::List(file) => {
                let all = addresses::list(&super::open(&file)?).await.map_err(not_changed)?;
                terminal.done(&serde_json::json!({ "addresses": all }), |_| listed(&all))
            }
            Self::Add { file, name } => {
                let made = addresses::add(&super::open(&file)?, &name).await.map_err(not_changed)?;
                terminal.done(&made, added)
            }
            Self::Revoke { file, name } => {
                addresses::revoke(&super::open(&file)?, &name).await.map_err(not_changed)?;
                let revoked = serde_json::json!({ "revoked": name });
                terminal.done(&revoked, |_| format!("the address of {name} opens nothing any more"))
            }
        }
    }
}

fn listed(all: &[Address]) -> String {
    let mut rows = vec![["device", "since", "address"].map(str::to_owned).to_vec()];
    for address in all {
        let since = show_here_us(address.since.saturating_mul(1_000_000));
        rows.push(vec![address.name.clone(), since, address.url.clone()]);
    }
    table(&rows)
}

fn added(Address { name, url, port, .. }: &Address) -> String {
    format!(
        "The address of your page for {name} is\n\n  {url}\n\nOn that device, while `candor owner app` runs here, leave this running, and open the \
         address there:\n\n  ssh -N -L {port}:127.0.0.1:{port} YOU@THIS-DEVICE\n\nWhoever has the address and comes to \
         this device may watch, until it is revoked."
    )
}

fn not_changed(error: AddressError) -> Ended {
    match error {
        AddressError::NeverStarted
        | AddressError::Taken(_)
        | AddressError::Unknown(_)
        | AddressError::BadName(_)
        | AddressError::TooMany
        | AddressError::Kept(KeptError::Malformed { .. } | KeptError::TooLarge { .. }) => Ended::wrong(error),
        AddressError::Kept(KeptError::Lock(_) | KeptError::File(_)) => error.into(),
    }
}
