//! `candor owner bridge`.

use crate::cli::{Ended, Outcome, Terminal};
use host::shutdown::Shutdown;
use owner::Owner;
use owner::bridge::BridgeError;

const OPEN_LISTENER: &str = "\
WARNING: others than this machine reach that address, and nothing is encrypted there: whoever is on the way reads
pictures and tokens. Bring programs of other machines here by `ssh -L` or a VPN.
";
const OPEN_BROKER: &str = "\
WARNING: that broker is another machine's, and nothing is encrypted on the way: its password, the names of your
cameras, when something moved and who asked for footage are read there. Use a broker of this machine, or a tunnel.
";

/// Says where the bridge is, and serves it.
pub(super) async fn bridge(terminal: &Terminal, shutdown: Shutdown, owner: Owner) -> Outcome {
    let broker = owner.bridge_config().mqtt.clone();
    let running = owner::bridge::start(owner, shutdown).await.map_err(not_started)?;
    let at = *running.at();
    let url = format!("http://{}/api/v1", at.address);
    terminal.result(&serde_json::json!({ "url": url }), |_| {
        let mut text = format!("Programs with a token ask at\n\n  {url}\n\n");
        if let Some(broker) = &broker {
            text.push_str(&format!("The broker at {} is told of them.\n", broker.broker));
        }
        if at.is_beyond_this_machine() {
            text.push_str(OPEN_LISTENER);
        }
        if broker.is_some_and(|broker| broker.is_beyond_this_machine()) {
            text.push_str(OPEN_BROKER);
        }
        text + "Ctrl-C ends it."
    });
    Ok(running.join().await?)
}

fn not_started(error: BridgeError) -> Ended {
    match error {
        BridgeError::BadName(_)
        | BridgeError::BadMonitor(_)
        | BridgeError::Mqtt(_)
        | BridgeError::Kept(owner::KeptError::Malformed { .. } | owner::KeptError::TooLarge { .. }) => {
            Ended::wrong(error)
        }
        BridgeError::Listen(_) | BridgeError::Kept(_) => error.into(),
    }
}
