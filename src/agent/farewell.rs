//! The end of an agent: it reports messages that it could not send, and leaves what others need to know of it later.

use std::collections::BTreeMap;

use nix::unistd::getppid;

use super::state::Agent;
use crate::model::{Alias, RestartPolicy};
use crate::state::{EndRecord, SystemDir};

impl Agent {
    /// The end: what could not be sent is told, and all is closed.
    pub(crate) fn farewell(mut self) {
        self.leave_behind();
        let unsent = self.sockets.unsent();
        for (alias, count) in &unsent {
            self.log.warn(&match count {
                1 => format!("1 message was not sent by {alias}"),
                count => format!("{count} messages were not sent by {alias}"),
            });
        }
        self.leave_unsent(&unsent);
        for at in self.sockets.ids() {
            self.tell_at_the_end(at);
        }
        self.abandon_program();
        self.end_leftovers();
        self.send_log();
        self.leave();
        // What has not left in its time does not leave any more, or more would be told than is so.
        self.sockets.close(self.skip_linger || !unsent.is_empty());
    }

    /// For its host daemon, which finds it when the process has ended.
    fn leave_unsent(&mut self, unsent: &BTreeMap<Alias, u64>) {
        let Some(dir) = self.boot.dir.clone().filter(|_| !unsent.is_empty()) else {
            return;
        };
        let written = SystemDir::at(dir).write_unsent(self.boot.incarnation, unsent);
        if let Err(error) = written {
            let line = format!("what was not sent cannot be written down for its host: {error}");
            self.log.warn(&line);
        }
    }

    /// Leaves what others need to know of it after its end: its attributes, if it ends by itself; and how it ends, if
    /// the process that started it is gone and no other will see it. That it cannot, because the disk is full say, is
    /// in the log.
    fn leave_behind(&mut self) {
        let Some(dir) = self.boot.dir.clone().map(SystemDir::at) else {
            return;
        };
        let incarnation = self.boot.incarnation;
        let mut outcome = Ok(());
        if self.parent != getppid() {
            let record = EndRecord {
                agent: self.boot.name().clone(),
                incarnation,
                status: self.life.code(),
                signal: None,
                stays: false,
            };
            outcome = dir.ends_log().and_then(|mut ends| record.append(&mut ends));
        }
        if let Some(cause) = &self.cause {
            outcome = outcome.and(dir.write_cause(incarnation, cause));
        }
        if self.stays_down && self.boot.spec.restart.policy != RestartPolicy::Never {
            outcome = outcome.and(dir.write_asked(incarnation));
        }
        if !self.asked_to_end && !self.attributes.is_empty() {
            outcome = outcome.and(dir.write_left(incarnation, &self.attributes));
        }
        if let Err(error) = outcome {
            let line = format!("its attributes, or its end, cannot be written down: {error}");
            self.log.warn(&line);
        }
    }
}
