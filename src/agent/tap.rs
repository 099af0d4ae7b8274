//! The agent's log as messages: an agent that has a sending socket with the alias `osb.log` sends each
//! entry of its log there, to whoever gathers the logs of many (osBrain's `run_logger`).

use serde_json::json;

use super::log::Entry;
use super::sockets::{Offer, Parcel};
use super::state::Agent;
use crate::model::Kind;

/// The alias of the socket that carries the log.
pub const LOG_ALIAS: &str = "osb.log";

impl Agent {
    /// Sends what has been logged since the last time.
    pub fn send_log(&mut self) {
        let at = self.sockets.find(LOG_ALIAS);
        let tells = |kind: Kind| kind.sends() && !kind.asks();
        let at = at.filter(|at| tells(self.sockets.at(*at).kind));
        let (entries, missed) = self.log.take_entries(at.is_some());
        if let Some(at) = at {
            self.sockets.at_mut(at).stats.dropped += missed;
            for entry in entries {
                self.send_entry(at, &entry);
            }
        }
    }

    fn send_entry(&mut self, at: usize, entry: &Entry) {
        let message = json!({
            "agent": self.boot.name,
            "time": entry.time,
            "level": entry.level,
            "text": entry.text,
        });
        let topic = entry.level.into();
        let Ok(frame) = self.frame_for(at, &message, Some(&topic)) else {
            // Raw sockets take text only.
            let text = format!("{} {} {}", self.boot.name, topic, entry.text);
            if let Ok(frame) = self.frame_for(at, &text.into(), Some(&topic)) {
                self.offer_entry(at, frame);
            }
            return;
        };
        self.offer_entry(at, frame);
    }

    /// An entry that is lost is counted, without an entry of its own.
    fn offer_entry(&mut self, at: usize, frame: zmq::Message) {
        if let Offer::Full(_) = self.offer(at, Parcel::plain(frame)) {
            self.sockets.at_mut(at).stats.dropped += 1;
        }
    }
}
