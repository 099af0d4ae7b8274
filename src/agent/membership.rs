//! The agent as a member at its name server: the control connection, what the name server knows of the
//! agent, and when it hears again that the agent still works. What there is to know is not known here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::control::{Control, Weight};
use crate::events::Outbox;
use crate::model::timing::{ANNOUNCEMENT_TIMEOUT, DEAD_PEER_INTERVAL, HEARTBEAT_INTERVAL};
use crate::wire::{Envelope, Incarnation, Occurred, Peer, body};

/// The membership.
pub(crate) struct Membership {
    pub control: Control,
    /// The agent is not announced yet.
    hidden: bool,
    /// Something has changed, and the name server does not know yet.
    unannounced: bool,
    /// The name server has taken note of this agent.
    registered: bool,
    /// The number of the latest announcement.
    announcement: u64,
    /// What has happened, until the name server has it.
    outbox: Outbox,
    /// The number of the request that has told of it last.
    happened: u64,
    next_heartbeat: Duration,
    /// When it is looked for dead connections next, with the heartbeat after that.
    next_look: Duration,
}

impl Membership {
    pub(crate) fn new(control: Control, life: Incarnation) -> Self {
        Self {
            control,
            hidden: false,
            unannounced: false,
            registered: false,
            announcement: 0,
            outbox: Outbox::new(life),
            happened: 0,
            next_heartbeat: until_next_beat(),
            next_look: DEAD_PEER_INTERVAL,
        }
    }

    /// Does not announce the agent until its program, a thread, is prepared.
    pub(crate) fn hide(&mut self) {
        self.hidden = true;
    }

    pub(crate) fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// The agent is there for all. True if that is news.
    pub(crate) fn show(&mut self) -> bool {
        std::mem::take(&mut self.hidden)
    }

    pub(crate) fn send(&mut self, envelope: &Envelope, body: Vec<u8>, weight: Weight) {
        self.control.send(envelope, body, weight);
    }

    /// Sockets or connections have changed.
    pub(crate) fn note_change(&mut self) {
        self.unannounced = true;
    }

    /// Whether the name server is to be told of a change.
    pub(crate) fn has_news(&self) -> bool {
        self.unannounced
    }

    /// The envelope of an announcement, which tells all that has changed.
    pub(crate) fn begin_announcement(&mut self) -> Envelope {
        self.unannounced = false;
        self.announcement = self.control.next_id();
        Envelope::request(self.announcement, announcement_ms(), Peer::NameServer)
    }

    /// Whether `id` is that of the latest announcement.
    pub(crate) fn is_announcement(&self, id: u64) -> bool {
        self.announcement == id
    }

    /// The envelope of the last word.
    pub(crate) fn begin_leave(&mut self) -> Envelope {
        Envelope::request(self.control.next_id(), announcement_ms(), Peer::NameServer)
    }

    /// The name server has taken an announcement. True if it is the first one.
    pub(crate) fn note_registered(&mut self) -> bool {
        !std::mem::replace(&mut self.registered, true)
    }

    /// It has happened, now.
    pub(crate) fn note(&mut self, what: Occurred) {
        self.outbox.note(what, since_1970());
    }

    /// Tells what has happened, unless an answer to what was told is still to come.
    pub(crate) fn tell_happened(&mut self) {
        if !self.registered {
            return;
        }
        if let Some(request) = self.outbox.tell() {
            self.happened = self.control.next_id();
            let envelope = Envelope::request(self.happened, announcement_ms(), Peer::NameServer);
            self.control.send(&envelope, body(&request), Weight::Light);
        }
    }

    /// Tells it again: what was told before is perhaps on a line that has ended.
    pub(crate) fn tell_happened_again(&mut self) {
        self.outbox.on_unanswered();
        self.tell_happened();
    }

    /// The answer to what was told, if it is one: what is left is told.
    pub(crate) fn on_kept(&mut self, id: u64, upto: impl FnOnce() -> Option<u64>) {
        if id == self.happened
            && let Some(upto) = upto()
        {
            self.outbox.on_kept(upto);
            self.tell_happened();
        }
    }

    /// Whether a heartbeat is due; then the next one is due later.
    pub(crate) fn begin_heartbeat(&mut self, now: Duration) -> bool {
        let due = now >= self.next_heartbeat;
        if due {
            self.next_heartbeat = now + until_next_beat();
        }
        due
    }

    /// The next heartbeat is due at once: a name server that has begun anew says that it does not know this agent.
    pub(crate) fn hasten_heartbeat(&mut self) {
        self.next_heartbeat = Duration::ZERO;
    }

    /// Whether it is to be looked for dead connections; then that is due again later.
    pub(crate) fn begin_look(&mut self, now: Duration) -> bool {
        let due = now >= self.next_look;
        if due {
            self.next_look = now + DEAD_PEER_INTERVAL;
        }
        due
    }

    pub(crate) fn wakes_at(&self) -> Duration {
        self.next_heartbeat
    }
}

fn since_1970() -> u64 {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(wall.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// How long the name server may take to answer an announcement, in milliseconds.
fn announcement_ms() -> u32 {
    u32::try_from(ANNOUNCEMENT_TIMEOUT.as_millis()).unwrap_or(u32::MAX)
}

/// How long until the next heartbeat: to the full second that is nearest to a second from now. All
/// agents of a machine keep the same beat, so that it wakes once for all of them when they are idle,
/// and not a hundred times.
fn until_next_beat() -> Duration {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH);
    let past = Duration::from_nanos(wall.unwrap_or_default().subsec_nanos().into());
    match HEARTBEAT_INTERVAL - past {
        soon if soon < HEARTBEAT_INTERVAL / 2 => soon + HEARTBEAT_INTERVAL,
        next => next,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Dial;

    fn membership() -> Membership {
        let nobody = Dial::plain("tcp://127.0.0.1:1");
        let control = Control::connect(&zmq::Context::new(), &nobody).unwrap();
        Membership::new(control, Incarnation(1))
    }

    #[test]
    fn each_announcement_has_a_number_and_tells_all_news() {
        let mut membership = membership();
        membership.note_change();
        assert!(membership.has_news());
        let first = membership.begin_announcement();
        assert!(!membership.has_news() && membership.is_announcement(first.id));
        let second = membership.begin_announcement();
        assert!(!membership.is_announcement(first.id) && membership.is_announcement(second.id));
        let last = membership.begin_leave();
        assert!(!membership.is_announcement(last.id));
    }

    #[test]
    fn what_is_news_is_told_once() {
        let mut membership = membership();
        assert!(membership.note_registered() && !membership.note_registered());
        assert!(!membership.show(), "it was never hidden");
        membership.hide();
        assert!(membership.is_hidden() && membership.show() && !membership.is_hidden());
    }

    #[test]
    fn beats_are_about_a_second_apart() {
        let mut membership = membership();
        let first = membership.wakes_at();
        assert!(first >= HEARTBEAT_INTERVAL / 2 && first <= HEARTBEAT_INTERVAL * 3 / 2);
        assert!(!membership.begin_heartbeat(first - Duration::from_millis(1)));
        assert!(membership.begin_heartbeat(first) && !membership.begin_heartbeat(first));
        assert!(membership.wakes_at() >= first + HEARTBEAT_INTERVAL / 2);
        assert!(!membership.begin_look(Duration::ZERO));
        assert!(
            membership.begin_look(DEAD_PEER_INTERVAL) && !membership.begin_look(DEAD_PEER_INTERVAL)
        );
    }
}
