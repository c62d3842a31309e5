//! One session with the broker: what was handed to it, and what it acknowledged.

use super::told::News;
use rumqttc::{AsyncClient, ConnectionError, Event, Incoming, MqttOptions, Outgoing, QoS};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Messages that are on their way at one time.
const UNDER_WAY: usize = 16;
/// How long the broker may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// What one message was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sent {
    Retained { topic: String, text: String },
    News(News),
}

/// What a session comes to.
#[derive(Debug)]
pub(super) enum Came {
    /// The broker has it.
    Acknowledged(Sent),
    /// Nothing that matters here.
    Nothing,
}

pub(super) struct Session {
    client: AsyncClient,
    events: mpsc::Receiver<Result<Event, ConnectionError>>,
    polling: JoinHandle<()>,
    /// Handed over, in order; then under the number that it was sent with.
    handed: VecDeque<Sent>,
    sent: BTreeMap<u16, Sent>,
}

impl Session {
    /// Connects; an error is the broker's refusal, or why it is not reached.
    pub(super) async fn open(options: &MqttOptions) -> Result<Self, String> {
        let (client, mut polled) = AsyncClient::new(options.clone(), 2 * UNDER_WAY);
        let (to, events) = mpsc::channel(UNDER_WAY);
        let polling = tokio::spawn(async move {
            loop {
                let event = polled.poll().await;
                let is_over = event.is_err();
                if to.send(event).await.is_err() || is_over {
                    return;
                }
            }
        });
        let (handed, sent) = (VecDeque::new(), BTreeMap::new());
        let mut session = Self { client, events, polling, handed, sent };
        loop {
            match timeout(ANSWER, session.event()).await {
                Ok(Ok(Event::Incoming(Incoming::ConnAck(_)))) => return Ok(session),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(format!("no answer within {} s", ANSWER.as_secs())),
            }
        }
    }

    async fn event(&mut self) -> Result<Event, String> {
        match self.events.recv().await {
            Some(event) => event.map_err(|error| error.to_string()),
            None => Err("the session ended".to_owned()),
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.handed.len() + self.sent.len() < UNDER_WAY
    }

    pub(super) fn is_under_way(&self, is_it: impl Fn(&Sent) -> bool) -> bool {
        self.handed.iter().chain(self.sent.values()).any(is_it)
    }

    /// Hands one message over; there is room for as many as may be under way.
    pub(super) fn send(&mut self, topic: &str, sent: Sent) -> Result<(), String> {
        let (retain, text) = match &sent {
            Sent::Retained { text, .. } => (true, text.clone()),
            Sent::News(news) => (false, news.text.clone()),
        };
        let handed = self.client.try_publish(topic, QoS::AtLeastOnce, retain, text);
        handed.map_err(|error| error.to_string())?;
        self.handed.push_back(sent);
        Ok(())
    }

    /// Waits for what comes next. Cancelling this loses nothing.
    pub(super) async fn next(&mut self) -> Result<Came, String> {
        match self.event().await? {
            Event::Outgoing(Outgoing::Publish(number)) => {
                let sent = self.handed.pop_front().ok_or("it sent what was not handed over")?;
                self.sent.insert(number, sent);
                Ok(Came::Nothing)
            }
            Event::Incoming(Incoming::PubAck(ack)) => {
                Ok(self.sent.remove(&ack.pkid).map_or(Came::Nothing, Came::Acknowledged))
            }
            Event::Incoming(_) | Event::Outgoing(_) => Ok(Came::Nothing),
        }
    }

    /// Says a last thing, and goodbye; a broker that does not listen is not waited for.
    pub(super) async fn close(mut self, topic: &str, text: &str) {
        let last = Sent::Retained { topic: topic.to_owned(), text: text.to_owned() };
        let said = async {
            self.send(topic, last.clone())?;
            while !matches!(self.next().await?, Came::Acknowledged(sent) if sent == last) {}
            self.client.try_disconnect().map_err(|error| error.to_string())?;
            while !matches!(self.event().await?, Event::Outgoing(Outgoing::Disconnect)) {}
            Ok::<(), String>(())
        };
        let _ = timeout(Duration::from_secs(2), said).await;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.polling.abort();
    }
}
