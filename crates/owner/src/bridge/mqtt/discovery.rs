//! Topics, and what Home Assistant needs to make devices of them: one retained message a device, with
//! all that there is of it (its "device discovery", of 2024.11 and newer).

use serde_json::{Value, json};

/// What a request, or a policy, comes to.
pub(super) const EVENT_TYPES: [&str; 5] = ["asked", "refused", "attempted", "completed", "policy"];
pub(super) const ONLINE: &str = "online";
pub(super) const OFFLINE: &str = "offline";
/// Of an id: enough to tell a house's cameras apart.
const ID_LETTERS: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::bridge) struct Topics {
    pub(super) base: String,
    pub(super) discovery: String,
}

impl Topics {
    pub(super) fn status(&self) -> String {
        format!("{}/status", self.base)
    }

    pub(super) fn releases(&self) -> String {
        format!("{}/releases", self.base)
    }

    pub(super) fn event(&self) -> String {
        format!("{}/event", self.base)
    }

    pub(super) fn state_of(&self, id: &str) -> String {
        format!("{}/camera/{}/state", self.base, short(id))
    }

    pub(super) fn release_of(&self, id: &str) -> String {
        format!("{}/camera/{}/release", self.base, short(id))
    }

    /// Of a camera, by its id.
    pub(super) fn discovery_of(&self, id: &str) -> String {
        format!("{}/device/{}/config", self.discovery, self.device(short(id)))
    }

    /// All that is retained of a camera.
    pub(super) fn all_of(&self, id: &str) -> [String; 3] {
        [self.discovery_of(id), self.state_of(id), self.release_of(id)]
    }

    pub(super) fn discovery_of_bridge(&self) -> String {
        format!("{}/device/{}/config", self.discovery, self.device("bridge"))
    }

    /// What no other device of the broker is called.
    fn device(&self, of: &str) -> String {
        format!("{}_{of}", self.base.replace('/', "_"))
    }

    /// A camera's device. It may have any name: nothing of it is a template.
    pub(super) fn camera(&self, id: &str, name: &str) -> Value {
        let (device, state) = (self.device(short(id)), self.state_of(id));
        let of_state = |platform: &str, part: &str, more: Value| {
            self.component(&device, platform, part, &state, &format!("{{{{ value_json.{part} }}}}"), more)
        };
        let details = json!({ "json_attributes_topic": state, "icon": "mdi:cctv", "name": "State" });
        let release = json!({ "json_attributes_topic": self.release_of(id), "icon": "mdi:file-key", "name": "Last request" });
        let text = "{{ value_json.text | truncate(250) }}";
        json!({
            "device": {
                "identifiers": [device],
                "name": name,
                "manufacturer": "Candor",
                "model": "camera",
                "via_device": self.device("bridge"),
            },
            "origin": origin(),
            "availability_topic": self.status(),
            "components": {
                "connected": of_state("binary_sensor", "connected", json!({ "device_class": "connectivity" })),
                "motion": of_state("binary_sensor", "motion", json!({ "device_class": "motion" })),
                "problem": of_state("binary_sensor", "problem", json!({ "device_class": "problem" })),
                "state": of_state("sensor", "state", details),
                "release": self.component(&device, "sensor", "release", &self.release_of(id), text, release),
            },
        })
    }

    /// The bridge's own: what is said of all cameras.
    pub(super) fn bridge(&self) -> Value {
        let (device, topic) = (self.device("bridge"), self.releases());
        let of = |platform: &str, part: &str, more: Value| {
            self.component(&device, platform, part, &topic, &format!("{{{{ value_json.{part} }}}}"), more)
        };
        let given =
            json!({ "json_attributes_topic": topic, "icon": "mdi:file-key", "name": "Releases this year" });
        let problem = json!({ "device_class": "problem", "name": "Log" });
        json!({
            "device": {
                "identifiers": [device],
                "name": "Candor",
                "manufacturer": "Candor",
                "model": "bridge",
            },
            "origin": origin(),
            "availability_topic": self.status(),
            "components": {
                "given": of("sensor", "given", given),
                "problem": of("binary_sensor", "problem", problem),
                "request": {
                    "platform": "event",
                    "unique_id": format!("{device}_request"),
                    "name": "Request for footage",
                    "state_topic": self.event(),
                    "event_types": EVENT_TYPES,
                },
            },
        })
    }

    fn component(
        &self,
        device: &str,
        platform: &str,
        part: &str,
        topic: &str,
        template: &str,
        more: Value,
    ) -> Value {
        let mut component = json!({
            "platform": platform,
            "unique_id": format!("{device}_{part}"),
            "state_topic": topic,
            "value_template": template,
        });
        if let (Value::Object(component), Value::Object(more)) = (&mut component, more) {
            component.extend(more);
        }
        component
    }
}

fn origin() -> Value {
    json!({ "name": "candor", "sw_version": env!("CARGO_PKG_VERSION") })
}

fn short(id: &str) -> &str {
    id.get(..ID_LETTERS).unwrap_or(id)
}
