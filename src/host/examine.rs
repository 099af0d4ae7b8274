//! Looking around for `doctor`, where others have started the daemon: there is no other way to this machine.

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::Host;
use crate::examine::{self, Examiner};
use crate::supervision::Ticket;
use crate::wire::{Examination, Examined, Fault, Target};

/// How many may look around at a time.
const MOST: usize = 16;

/// Somebody looks around, and is listened for. Dropping it ends that.
pub(super) struct Listening {
    until: oneshot::Sender<()>,
    over: JoinHandle<()>,
}

impl Listening {
    fn begin(examiner: Examiner) -> Self {
        let (until, dropped) = oneshot::channel();
        let over = tokio::spawn(async move {
            // Either way, it is over.
            let _ = tokio::time::timeout(examine::LONGEST, dropped).await;
            examiner.end().await;
        });
        Self { until, over }
    }
}

impl Host {
    pub(super) fn on_examine(&mut self, mut examination: Examination, ticket: Ticket) {
        // As it was told when it was started.
        examination.address = examination.address.or(Some(self.options.advertise));
        self.examinations.retain(|_, it| !it.over.is_finished());
        if self.examinations.len() >= MOST {
            let reason = format!("{MOST} look around here already");
            return self.answer::<Examined>(ticket, Err(Fault::Refused { reason }));
        }
        let (examiner, examined) = Examiner::begin(&examination);
        let listening = Listening::begin(examiner);
        self.examinations.insert(examination.token, listening);
        self.answer(ticket, Ok(examined));
    }

    pub(super) fn on_dial(&mut self, targets: Vec<Target>, ticket: Ticket) {
        let Some(envelope) = self.tickets.remove(&ticket) else {
            return;
        };
        let link = self.link.clone();
        tokio::spawn(async move {
            let outcomes = examine::dial(targets).await;
            link.reply(&envelope, Ok(outcomes));
        });
    }

    /// Answers when the ports are free again.
    pub(super) fn on_end_examination(&mut self, token: &str, ticket: Ticket) {
        let listening = self.examinations.remove(token);
        let Some(envelope) = self.tickets.remove(&ticket) else {
            return;
        };
        let link = self.link.clone();
        tokio::spawn(async move {
            if let Some(Listening { until, over }) = listening {
                drop(until);
                let _ = over.await;
            }
            link.reply(&envelope, Ok(()));
        });
    }
}
