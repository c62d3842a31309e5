//! What a device says of motion: asked over and over at a place of its own (a pull point), which lasts as
//! long as the device says, is renewed at half of that, and is made anew where it cannot be.

use crate::device::Device;
use crate::error::OnvifError;
use crate::xml;
use roxmltree::Node;
use std::time::Duration;

const EVENTS: &str = "http://www.onvif.org/ver10/events/wsdl";
const PULL: &str = "http://www.onvif.org/ver10/events/wsdl/PullPointSubscription/PullMessagesRequest";
const CREATE: &str =
    "http://www.onvif.org/ver10/events/wsdl/EventPortType/CreatePullPointSubscriptionRequest";
/// Shorter than an answer is waited for.
const WAIT: &str = "PT4S";
const LASTS: &str = "PT60S";
/// The same, where the device does not say how long.
const LASTS_US: Duration = Duration::from_secs(60);
const RENEW: &str = "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager/RenewRequest";
const NOTIFICATION: &str = "http://docs.oasis-open.org/wsn/b-2";
/// Names that makers give to "it moves" within a topic that speaks of motion.
const NAMES: [&str; 3] = ["IsMotion", "State", "Motion"];

/// A place at a device where what it noticed is kept until it is asked for.
#[derive(Debug)]
pub struct PullPoint {
    device: Device,
    address: String,
    /// When it is renewed, by the steady clock.
    renewed_at: Duration,
}

impl Device {
    /// Asks it to keep what it notices.
    ///
    /// # Errors
    /// [`OnvifError`].
    pub async fn pull_point(&self) -> Result<PullPoint, OnvifError> {
        let events = self.events.as_ref().ok_or(OnvifError::Lacks("where its event service is"))?;
        let body = format!(
            "<CreatePullPointSubscription xmlns=\"{EVENTS}\">\
             <InitialTerminationTime>{LASTS}</InitialTerminationTime></CreatePullPointSubscription>"
        );
        let answer = self.caller.ask_addressed(events, &addressed(CREATE, events), &body).await?;
        let document = xml::parse(&answer)?;
        let address = xml::text(document.root(), &["SubscriptionReference", "Address"]);
        let address = address.ok_or(OnvifError::Lacks("where it keeps what it notices"))?;
        let renewed_at = self.caller.steady() + lasts(document.root()) / 2;
        Ok(PullPoint { device: self.clone(), address: self.caller.own(address)?, renewed_at })
    }
}

impl PullPoint {
    /// Waits some seconds for news: whether something moves, by its last word. None if it said nothing
    /// of motion.
    ///
    /// # Errors
    /// [`OnvifError`]: make another pull point after a pause.
    pub async fn moves(&mut self) -> Result<Option<bool>, OnvifError> {
        if self.device.caller.steady() >= self.renewed_at {
            self.renew().await?;
        }
        let body = format!(
            "<PullMessages xmlns=\"{EVENTS}\"><Timeout>{WAIT}</Timeout><MessageLimit>64</MessageLimit></PullMessages>"
        );
        let head = addressed(PULL, &self.address);
        let answer = self.device.caller.ask_addressed(&self.address, &head, &body).await?;
        let document = xml::parse(&answer)?;
        Ok(xml::all(document.root(), "NotificationMessage").filter_map(said).last())
    }
}

impl PullPoint {
    /// It lasts on. A device that cannot renew one makes another.
    async fn renew(&mut self) -> Result<(), OnvifError> {
        let body =
            format!("<Renew xmlns=\"{NOTIFICATION}\"><TerminationTime>{LASTS}</TerminationTime></Renew>");
        let head = addressed(RENEW, &self.address);
        match self.device.caller.ask_addressed(&self.address, &head, &body).await {
            Ok(answer) => {
                let lasts = lasts(xml::parse(&answer)?.root());
                self.renewed_at = self.device.caller.steady() + lasts / 2;
            }
            Err(OnvifError::Fault(_)) => *self = self.device.pull_point().await?,
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// How long a pull point lasts, as the device says: the difference of two times of its own clock.
fn lasts(answer: Node<'_, '_>) -> Duration {
    let at = |name| xml::text(answer, &[name])?.trim().parse::<jiff::Timestamp>().ok();
    let said = || at("TerminationTime")?.duration_since(at("CurrentTime")?).try_into().ok();
    said().unwrap_or(LASTS_US).clamp(Duration::from_secs(1), LASTS_US)
}

/// WS-Addressing, which some devices go by.
fn addressed(action: &str, to: &str) -> String {
    let to = xml::escaped(to);
    format!(
        "<Action xmlns=\"http://www.w3.org/2005/08/addressing\">{action}</Action>\
         <To xmlns=\"http://www.w3.org/2005/08/addressing\">{to}</To>"
    )
}

/// Whether a message says that something moves, or no longer does.
fn said(message: Node<'_, '_>) -> Option<bool> {
    xml::text(message, &["Topic"]).filter(|topic| topic.to_ascii_lowercase().contains("motion"))?;
    let data = xml::find(message, &["Data"])?;
    let item = |node: Node<'_, '_>| match (node.attribute("Name")?, node.attribute("Value")?) {
        (name, value) if NAMES.contains(&name) => match value.trim().to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    };
    xml::all(data, "SimpleItem").find_map(item)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(topic: &str, name: &str, value: &str) -> Option<bool> {
        let text = format!(
            "<w:NotificationMessage xmlns:w=\"urn:w\" xmlns:t=\"urn:t\"><w:Topic>{topic}</w:Topic><w:Message><t:Message>\
             <t:Source><t:SimpleItem Name=\"State\" Value=\"false\"/></t:Source>\
             <t:Data><t:SimpleItem Name=\"Window\" Value=\"1\"/><t:SimpleItem Name=\"{name}\" Value=\"{value}\"/></t:Data>\
             </t:Message></w:Message></w:NotificationMessage>"
        );
        said(xml::parse(&text).unwrap().root_element())
    }

    #[test]
    fn makers_say_motion_under_several_names_and_other_news_is_none() {
        let cell = "tns1:RuleEngine/CellMotionDetector/Motion";
        assert_eq!(message(cell, "IsMotion", "true"), Some(true));
        assert_eq!(message(cell, "IsMotion", "0"), Some(false));
        assert_eq!(message("tns1:VideoSource/MotionAlarm", "State", "1"), Some(true));
        assert_eq!(message("tns1:Device/Trigger/Relay", "State", "true"), None);
        assert_eq!(message(cell, "Other", "true"), None);
        assert_eq!(message(cell, "IsMotion", "perhaps"), None);
    }
}
