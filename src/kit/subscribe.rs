//! Publications for programs that are no agents: what an agent publishes, as an iterator of typed messages.

use std::collections::BTreeMap;

use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use tokio::sync::mpsc::{self, Receiver};

use super::run::{Handle, spawn_quietly};
use super::{Agent, RunError};
use crate::model::{Action, Handlers, Incarnation, Target};
use crate::proxy::{NameServer, ProxyError};

/// How many messages wait for the program before the publisher's queue has to take them.
const WAITING: usize = 1000;
/// The socket that subscribes.
const ALIAS: &str = "in";

/// What an agent publishes, from the moment of [`NameServer::subscribe`] on: an iterator, and for async code
/// [`Subscription::next_async`]. It ends the subscription when it is dropped.
pub struct Subscription<T> {
    messages: Receiver<Published<T>>,
    /// None: it has ended, and that was told.
    reader: Option<Handle>,
}

/// A message and its topic, or why it is no such message.
type Published<T> = (Option<String>, Result<T, String>);

/// Why there is no subscription, or no message.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// The subscription could not be made, or has ended.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// What subscribes cannot run.
    #[error("cannot subscribe: {0}")]
    Reader(#[from] RunError),
    /// A message has come that is of another type.
    #[error("a message is not what was expected: {0}")]
    Unfit(String),
    /// It has ended: the name server does not admit it any more, say.
    #[error("the subscription has ended")]
    Ended,
}

/// A message that is a `T`, or why it is none.
struct Tried<T>(Result<T, String>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Tried<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Tried(T::deserialize(from).map_err(|it| it.to_string())))
    }
}

impl NameServer {
    /// Subscribes to topics of a publisher, such as `Desk.ticks`, wherever that is now and later; `[""]` are all topics. When this
    /// returns, the publisher knows of it: what it publishes from now on comes.
    ///
    /// ```no_run
    /// use osb::proxy::NameServer;
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize)]
    /// struct Tick { cents: u32 }
    ///
    /// let ns = NameServer::connect("127.0.0.1:7400")?;
    /// for tick in ns.subscribe("Desk.ticks", ["AB"])? {
    ///     let tick: Tick = tick?;
    ///     println!("{}", tick.cents);
    /// }
    /// # Ok::<(), osb::kit::SubscribeError>(())
    /// ```
    ///
    /// It is an agent of its own that subscribes, in threads of this program: `osb ls` shows it as `reader-` and a number, with
    /// what has come and what is lost, and its wire is proven and kept as any other. A program that is behind by 1,000 messages
    /// loses what then finds no room in the publisher's queue, which counts that as `dropped`.
    ///
    /// # Errors
    ///
    /// If there is no such publisher, or it does not admit this program.
    pub fn subscribe<T: DeserializeOwned + Send + 'static>(
        &self,
        to: &str,
        topics: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Subscription<T>, SubscribeError> {
        let to: Target = super::convert::name(to).map_err(|error| match error {
            super::CallError::Name { text, error } => ProxyError::Name(text, error),
            other => ProxyError::Encode {
                reason: other.to_string(),
            },
        })?;
        let (sender, messages) = mpsc::channel(WAITING);
        let (name, nameserver) = (reader_name(), self.link().address().to_owned());
        let reader = spawn_quietly(move || {
            Agent::new(sender)
                .named(&name)
                .nameserver(&nameserver)
                .handler(ALIAS, |agent, Tried::<T>(message)| {
                    let topic = agent.topic().map(str::to_owned);
                    if agent.state.blocking_send((topic, message)).is_err() {
                        agent.shutdown();
                    }
                    Ok(())
                })
        })?;
        let subscription = Subscription {
            messages,
            reader: Some(reader),
        };
        let read = |topic| (topic, vec![Action::Command]);
        let topics: BTreeMap<String, Vec<Action>> =
            topics.into_iter().map(Into::into).map(read).collect();
        let reader = self.proxy(subscription.name())?;
        reader.connect_to(&to, ALIAS, Some(Handlers::ByTopic(topics)))?;
        Ok(subscription)
    }
}

fn reader_name() -> String {
    format!("reader-{:x}", Incarnation::draw().0)
}

impl<T> Subscription<T> {
    /// The name of the agent that subscribes.
    pub fn name(&self) -> &str {
        self.reader.as_ref().map_or("", |it| it.name().as_str())
    }

    /// The next message. None when the end has been told. In async code this takes the place of the iterator, which blocks.
    pub async fn next_async(&mut self) -> Option<Result<T, SubscribeError>> {
        let published = self.messages.recv().await;
        Some(self.told(published)?.1)
    }

    /// The same with topics: each message with the one that it was published under.
    pub fn with_topics(
        mut self,
    ) -> impl Iterator<Item = (Option<String>, Result<T, SubscribeError>)> {
        std::iter::from_fn(move || {
            let published = self.messages.blocking_recv();
            self.told(published)
        })
    }

    fn told(
        &mut self,
        published: Option<Published<T>>,
    ) -> Option<(Option<String>, Result<T, SubscribeError>)> {
        match published {
            Some((topic, message)) => Some((topic, message.map_err(SubscribeError::Unfit))),
            // Whatever it has ended with: there will be no more messages.
            None => self
                .reader
                .take()
                .map(|_| (None, Err(SubscribeError::Ended))),
        }
    }
}

impl<T> Iterator for Subscription<T> {
    type Item = Result<T, SubscribeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let published = self.messages.blocking_recv();
        Some(self.told(published)?.1)
    }
}

impl<T> Drop for Subscription<T> {
    /// The agent that subscribes has left when this returns, so that it does not stay listed if the program ends.
    fn drop(&mut self) {
        self.messages.close();
        if let Some(reader) = self.reader.take() {
            // One that has failed has left, too.
            let _ = reader.shutdown();
        }
    }
}
