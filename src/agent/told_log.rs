//! The agent's log as messages: an agent that has a sending socket with the alias `osb.log` sends each
//! entry of its log there, to the agent that gathers the logs of many (osBrain's `run_logger`).

use serde_json::json;

use super::log::Entry;
use super::sockets::{Offer, Parcel, SlotId};
use super::state::Agent;
use crate::model::Kind;

/// The alias of the socket that carries the log.
pub const LOG_ALIAS: &str = "osb.log";

impl Agent {
    /// Sends what has been logged since the last time.
    pub(crate) fn send_log(&mut self) {
        let tells = |kind: Kind| kind.sends() && !kind.asks();
        let slot = self.sockets.named(LOG_ALIAS);
        let at = slot.and_then(|(at, slot)| tells(slot.kind).then_some(at));
        let (entries, missed) = self.log.take_entries(at.is_some());
        if let Some(at) = at {
            self.count_dropped(at, missed);
            for entry in entries {
                self.send_entry(at, &entry);
            }
        }
    }

    fn send_entry(&mut self, at: SlotId, entry: &Entry) {
        let Some(slot) = self.sockets.get(at) else {
            return;
        };
        let message = json!({
            "agent": self.boot.name(),
            "time": entry.time,
            "level": entry.level,
            "text": entry.text,
        });
        let topic = entry.level.into();
        let frame = slot.frame(&message, Some(&topic)).or_else(|_| {
            // Raw sockets take text only.
            let text = format!("{} {} {}", self.boot.name(), topic, entry.text);
            slot.frame(&serde_json::Value::from(text), Some(&topic))
        });
        if let Ok(frame) = frame {
            self.offer_entry(at, frame);
        }
    }

    /// An entry that is lost is counted, without an entry of its own.
    fn offer_entry(&mut self, at: SlotId, frame: zmq::Message) {
        if let Offer::Full(_) = self.offer(at, Parcel::plain(frame)) {
            self.count_dropped(at, 1);
        }
    }

    fn count_dropped(&mut self, at: SlotId, count: u64) {
        if let Some(slot) = self.sockets.get_mut(at) {
            slot.stats.dropped += count;
        }
    }
}
