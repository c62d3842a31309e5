//! `candor registrar`.

use super::{ConfigFile, Ended, Outcome, Terminal};
use anyhow::anyhow;
use clap::{Args, Subcommand};
use escrow::record::Role;
use registrar::{Config, Error};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make the key, once; prints the verifier key for the log's submitters and the PolicyDoc.
    #[command(after_help = "Example: candor registrar init --config registrar.toml")]
    Init(ConfigFile),
    /// Say in the log that a key counts.
    #[command(
        after_help = "Example: candor registrar register --config reg.toml --role officer --agency pd.example --vkey KEY"
    )]
    Register(Key),
    /// Say in the log that a key counts no more, for ever.
    #[command(
        after_help = "Example: candor registrar revoke --config reg.toml --role officer --agency pd.example --vkey KEY"
    )]
    Revoke(Key),
    /// Write the recommended rules of release (a PolicyDoc) to a file, to be read, changed and published.
    #[command(
        after_help = "Example: candor registrar rules --to policy-doc.txt --operator KEY --registrar KEY"
    )]
    Rules {
        /// Where to write.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        /// The operator's verifier key: who will publish the rules.
        #[arg(long, value_name = "VKEY")]
        operator: String,
        /// The registrar's verifier key: whose word on keys counts.
        #[arg(long, value_name = "VKEY")]
        registrar: String,
        /// Another figure than the recommended one, such as emergency-epochs=30; may be repeated.
        #[arg(long, value_name = "NAME=NUMBER")]
        figure: Vec<String>,
    },
    /// Publish a PolicyDoc's hash in the log, as the operator it names.
    #[command(after_help = "Example: candor registrar publish --config registrar.toml policy-doc.txt")]
    Publish {
        #[command(flatten)]
        file: ConfigFile,
        /// The PolicyDoc.
        policy_doc: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Key {
    #[command(flatten)]
    file: ConfigFile,
    /// What the key may sign for: officer, supervisor or sponsor.
    #[arg(long, value_parser = role)]
    role: Role,
    /// The agency, or the sponsor's own name.
    #[arg(long)]
    agency: String,
    /// The verifier key.
    #[arg(long)]
    vkey: String,
}

fn role(text: &str) -> Result<Role, String> {
    Role::from_word(text).ok_or_else(|| "officer, supervisor or sponsor".to_owned())
}

impl Verb {
    pub(crate) async fn run(self, terminal: &Terminal) -> Outcome {
        match self {
            Self::Init(file) => {
                let vkey = registrar::init(&file.load()?).map_err(Ended::wrong)?;
                terminal.result(&serde_json::json!({ "vkey": vkey }), |_| vkey.clone());
                terminal.next("the log's operator lists this key under [[submitters]]; `candor registrar rules` names it in the rules.");
            }
            Self::Register(key) => {
                let config = folder(&key.file)?;
                let added = registrar::register(&config, key.role, &key.agency, &key.vkey).await;
                let added = added.map_err(ended)?;
                told(terminal, "registered", &added);
            }
            Self::Revoke(key) => {
                let config = folder(&key.file)?;
                let added = registrar::revoke(&config, key.role, &key.agency, &key.vkey).await;
                let added = added.map_err(ended)?;
                told(terminal, "revoked", &added);
            }
            Self::Rules { to, operator, registrar, figure } => {
                let figures = figure.iter().map(|text| one_figure(text)).collect::<Result<Vec<_>, _>>()?;
                let figures: Vec<(&str, u64)> =
                    figures.iter().map(|(name, figure)| (name.as_str(), *figure)).collect();
                let hash =
                    registrar::write_rules(&to, &operator, &registrar, &figures).map_err(ended)?.to_hex();
                let value = serde_json::json!({ "path": to, "sha256": hash });
                terminal.result(&value, |_| format!("{} written, SHA-256 {hash}", to.display()));
            }
            Self::Publish { file, policy_doc } => {
                let published =
                    registrar::publish_rules(&folder(&file)?, &policy_doc).await.map_err(ended)?;
                told(terminal, "published", &published.added);
            }
        }
        Ok(())
    }
}

/// The configuration of a registrar or operator that was made.
fn folder(file: &ConfigFile) -> Result<Config, Ended> {
    let config: Config = file.load()?;
    file.made("registrar", &config.data)?;
    Ok(config)
}

fn ended(error: Error) -> Ended {
    match error {
        Error::Add(_) | Error::File(_) => error.into(),
        Error::NotASubmitter { .. } => Ended::no(error),
        error => Ended::wrong(error),
    }
}

fn told(terminal: &Terminal, done: &str, added: &registrar::Added) {
    let value = serde_json::json!({ "done": done, "leaf_index": added.index, "witnesses": added.witnesses });
    terminal.result(&value, |_| {
        format!("{done} in leaf {}, cosigned by {}", added.index, added.witnesses.join(", "))
    });
}

fn one_figure(text: &str) -> Result<(String, u64), Ended> {
    let parsed =
        text.split_once('=').and_then(|(name, number)| Some((name.to_owned(), number.parse().ok()?)));
    parsed.ok_or_else(|| Ended::wrong(anyhow!("--figure {text}: write NAME=NUMBER")))
}
