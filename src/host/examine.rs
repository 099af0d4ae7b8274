//! Looking around for `doctor`, where others have started the daemon: there is no other way to this machine.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::Host;
use crate::examine::{self, Examiner};
use crate::model::timing::EXAMINATION_TIMEOUT;
use crate::proxy::Link;
use crate::supervision::Ticket;
use crate::wire::{Dialled, Envelope, Examination, Examined, Fault, Target};

/// How many may look around at a time.
const MOST: usize = 16;
/// How many things one of them may look at, of each sort.
const MOST_THINGS: usize = 4096;

/// An examination: the daemon looks around, and listens.
pub(super) struct Listening {
    /// Dropping it ends that.
    until: oneshot::Sender<()>,
    over: JoinHandle<()>,
}

impl Listening {
    /// Folders may be slow to look into: the daemon does not wait for them.
    fn begin(examination: Examination, link: Arc<Link>, envelope: Envelope) -> Self {
        let (until, dropped) = oneshot::channel();
        let over = tokio::spawn(async move {
            let begun = spawn_blocking(move || Examiner::begin(&examination)).await;
            let Ok((examiner, examined)) = begun else {
                return link.reply::<Examined>(&envelope, Err(refused("it broke off")));
            };
            link.reply(&envelope, Ok(examined));
            // Either way, it is over.
            let _ = timeout(EXAMINATION_TIMEOUT, dropped).await;
            examiner.end().await;
        });
        Self { until, over }
    }

    async fn end(self) {
        drop(self.until);
        let _ = self.over.await;
    }
}

fn refused(reason: &str) -> Fault {
    let reason = reason.to_owned();
    Fault::Refused { reason }
}

impl Host {
    pub(super) fn on_examine(&mut self, mut examination: Examination, ticket: Ticket) {
        self.examinations.retain(|_, it| !it.over.is_finished());
        let things = examination.bind.len().max(examination.programs.len());
        if self.examinations.len() >= MOST || things > MOST_THINGS {
            let fault = refused("that is more than is looked at, at a time");
            return self.answer::<Examined>(ticket, Err(fault));
        }
        // As it was told when it was started.
        examination.address = examination.address.or(Some(self.options.advertise));
        if let Some(envelope) = self.tickets.remove(&ticket) {
            let token = examination.token.clone();
            let listening = Listening::begin(examination, self.link.clone(), envelope);
            self.examinations.insert(token, listening);
        }
    }

    pub(super) fn on_dial(&mut self, targets: Vec<Target>, ticket: Ticket) {
        let turn = self.dialling.clone().try_acquire_owned();
        let Some(turn) = turn.ok().filter(|_| targets.len() <= MOST_THINGS) else {
            let fault = refused("that is more than is dialled, at a time");
            return self.answer::<Vec<Dialled>>(ticket, Err(fault));
        };
        let Some(envelope) = self.tickets.remove(&ticket) else {
            return;
        };
        let link = self.link.clone();
        tokio::spawn(async move {
            let outcomes = timeout(EXAMINATION_TIMEOUT, examine::dial(targets)).await;
            link.reply(
                &envelope,
                outcomes.map_err(|_| refused("that takes too long")),
            );
            drop(turn);
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
            if let Some(listening) = listening {
                listening.end().await;
            }
            link.reply(&envelope, Ok(()));
        });
    }
}

/// Those that may dial have to have one.
pub(super) fn turns() -> Arc<tokio::sync::Semaphore> {
    Arc::new(tokio::sync::Semaphore::new(MOST))
}
