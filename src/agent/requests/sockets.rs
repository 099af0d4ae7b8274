//! Requests about sockets that are there: to close them, and what they subscribe to.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value;

use super::{Outcome, Request};
use crate::agent::handlers::expect_to_collect;
use crate::agent::requester::Requester;
use crate::agent::sockets::SlotId;
use crate::agent::state::Agent;
use crate::model::{Action, Alias, Handlers, Holder, Kind, Millis};
use crate::wire::Fault;

impl Agent {
    pub(super) fn close_asked(
        &mut self,
        alias: Alias,
        linger: Option<Millis>,
        requester: Option<Requester>,
    ) -> Outcome {
        if let Err(fault) = self.find(&alias) {
            return Some(Err(fault));
        }
        self.close(vec![alias], linger, requester);
        None
    }

    /// Admits the holder of a key at a bound socket. In a system that is open, every peer is admitted anyway.
    pub(super) fn admit(&mut self, alias: &Alias, holder: Holder) -> Result<Value, Fault> {
        let (at, _) = self.find(alias)?;
        let slot = self.sockets.get_mut(at);
        Ok(slot.is_some_and(|slot| slot.admit(holder)).into())
    }

    /// Takes that back, and ends what was connected by it.
    pub(super) fn dismiss(&mut self, alias: &Alias, holder: &Holder) -> Result<Value, Fault> {
        let (at, _) = self.find(alias)?;
        let slot = self.sockets.get_mut(at);
        let was_admitted = slot.is_some_and(|slot| slot.dismiss(holder));
        if was_admitted {
            self.end_connections_of(holder, at);
        }
        Ok(was_admitted.into())
    }

    /// As osBrain: new topics are added, those that are there get the new handlers.
    pub(super) fn subscribe(
        &mut self,
        alias: &Alias,
        handlers: Handlers,
        request: Request,
    ) -> Outcome {
        let at = match self.subscriber(alias, &handlers) {
            Ok(at) => at,
            Err(fault) => return Some(Err(fault)),
        };
        let own = self.own_action();
        let Some(slot) = self.sockets.get_mut(at) else {
            return Some(Err(self.closed(alias)));
        };
        let mut topics = by_topic((*slot.handlers).clone());
        let mut added = by_topic(handlers);
        for actions in added.values_mut().filter(|actions| actions.is_empty()) {
            actions.push(own.clone());
        }
        for topic in added.keys() {
            slot.subscribe_topic(topic);
        }
        topics.extend(added);
        let handlers = Rc::new(Handlers::ByTopic(topics));
        slot.handlers = handlers.clone();
        let publishers = slot
            .links
            .iter()
            .filter_map(|link| link.to.clone()?.at_home())
            .collect();
        expect_to_collect(&mut self.attributes, handlers.actions());
        self.prove_subscription(at, publishers, Value::Null, request);
        None
    }

    fn subscriber(&self, alias: &Alias, handlers: &Handlers) -> Result<SlotId, Fault> {
        let (at, slot) = self.find_for(alias, Kind::subscribes, "subscribe")?;
        self.check_handlers(slot.kind, handlers)?;
        Ok(at)
    }

    /// All or nothing.
    pub(super) fn unsubscribe(
        &mut self,
        alias: &Alias,
        topics: Vec<String>,
    ) -> Result<Value, Fault> {
        let (_, slot) = self.find_for_mut(alias, Kind::subscribes, "unsubscribe")?;
        let mut there = by_topic((*slot.handlers).clone());
        if let Some(topic) = topics.iter().find(|topic| !there.contains_key(*topic)) {
            return Err(Fault::UnknownTopic {
                alias: alias.clone(),
                topic: topic.clone(),
                known: there.into_keys().collect(),
            });
        }
        for topic in topics {
            slot.unsubscribe_topic(&topic);
            there.remove(&topic);
        }
        slot.handlers = Rc::new(Handlers::ByTopic(there));
        Ok(Value::Null)
    }
}

/// Handlers of all messages are those of the topic that begins every other.
fn by_topic(handlers: Handlers) -> BTreeMap<String, Vec<Action>> {
    match handlers {
        Handlers::All(actions) => BTreeMap::from([(String::new(), actions)]),
        Handlers::ByTopic(topics) => topics,
    }
}
