//! Messages of a socket that are for a thread, and for nothing else: handed on by the shortest way.

use std::rc::Rc;

use super::body::Body;
use super::words::{Heard, Payload};
use crate::agent::sockets::SlotId;
use crate::agent::state::Agent;
use crate::model::{Action, Handlers, Kind, MethodName};

impl Agent {
    /// Hands on what has arrived at a PULL socket, up to so many messages and as long as the thread has room. False if a thread
    /// is not all that its messages are for: nothing is done then.
    pub(crate) fn hand_all(&mut self, at: SlotId, most: usize) -> bool {
        let pulls = self.sockets.get(at).filter(|slot| slot.kind == Kind::Pull);
        let Some(handlers) = pulls.map(|slot| Rc::clone(&slot.handlers)) else {
            return false;
        };
        let Some(handler) = only_program(&handlers) else {
            return false;
        };
        let is_thread = self.program_reads_payloads();
        let hears = self.program.as_ref().is_some_and(|it| it.listens());
        if !is_thread || !hears {
            return false;
        }
        if !self.program_has_room() {
            return true;
        }
        let garbled = self.hand_on(at, handler, most);
        for reason in garbled {
            self.note_garbled(at, reason);
        }
        true
    }

    /// Comes back with why some were no messages.
    fn hand_on(
        &mut self,
        at: SlotId,
        handler: Option<&MethodName>,
        most: usize,
    ) -> Vec<&'static str> {
        let mut garbled = Vec::new();
        let (Some(program), Some(slot)) = (&mut self.program, self.sockets.get_mut(at)) else {
            return garbled;
        };
        let Body::Thread(guest) = &mut program.body else {
            return garbled;
        };
        guest.tell_whence(&slot.alias, handler);
        let by = slot.serializer;
        for _ in 0..most.min(guest.room()) {
            match slot.next_pulled() {
                None => break,
                Some(Err(reason)) => garbled.push(reason),
                Some(Ok(frame)) => guest.hand(Heard::Message {
                    topic: None,
                    id: None,
                    message: Payload::Frame {
                        frame,
                        start: 0,
                        by,
                    },
                }),
            }
        }
        garbled
    }
}

/// For which of its handlers messages are, if all of them are for the program alone: None is the one that it finds itself.
fn only_program(handlers: &Handlers) -> Option<Option<&MethodName>> {
    match handlers {
        Handlers::All(actions) => match actions.as_slice() {
            [Action::Command] => Some(None),
            [Action::Call(handler)] => Some(Some(handler)),
            _ => None,
        },
        Handlers::ByTopic(_) => None,
    }
}
