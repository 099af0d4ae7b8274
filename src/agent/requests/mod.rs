//! What others ask of the agent, by control messages: from bytes to what is done, and back.

mod adopt;
mod alter;
mod configure;
mod messages;
mod sockets;
mod take_over;
mod tap;
mod timers;
mod wire;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::lookups::is_lookup;
use super::requester::Requester;
use super::sockets::{Slot, SlotId};
use super::state::Agent;
use crate::access::Asked;
use crate::model::timing::REQUEST_TIMEOUT;
use crate::model::{Access, Alias, Guard, PublicKey};
use crate::process::{Usage, own_usage, usage_of_all};
use crate::wire::{
    AgentRequest, AgentStatus, AgentUsage, Envelope, Event, Fault, MessageKind, ProcessUsage,
    read_body,
};

/// How many control messages are read before the data sockets have their turn.
const BATCH: usize = 100;
/// How many names an error lists.
const LISTED: usize = 20;

/// The answer, or None if it is given later.
pub(crate) type Outcome = Option<Result<Value, Fault>>;

/// A request's requester, if it wants an answer, and the time there is for it.
pub(crate) struct Request {
    pub requester: Option<Requester>,
    pub limit: Duration,
    /// When it must be answered: a little before the requester gives up, so that it is told why.
    pub until: Duration,
}

impl Agent {
    /// Reads what has come from the name server.
    pub(crate) fn drain_control(&mut self) {
        for _ in 0..BATCH {
            let Some(frames) = self.membership.control.receive() else {
                return;
            };
            self.on_control(&frames);
        }
    }

    fn on_control(&mut self, frames: &[Vec<u8>]) {
        let [header, body] = frames else {
            return self.log.warn("a control message that has not two frames");
        };
        let envelope = match Envelope::decode(header) {
            Ok(envelope) => envelope,
            Err(error) => return self.log.warn(&format!("a control message: {error}")),
        };
        match envelope.kind {
            MessageKind::Request | MessageKind::Oneway => self.on_request(envelope, body),
            MessageKind::Reply | MessageKind::Error if is_lookup(envelope.id) => {
                self.on_lookup_answered(&envelope, body);
            }
            MessageKind::Error => self.on_refusal(&envelope, body),
            MessageKind::Event => match read_body(body) {
                Ok(Event::Unregistered {}) => {
                    self.announce();
                    self.ask_for_keys_again();
                }
                Ok(Event::Revoked { keys }) => {
                    self.on_revoked(&keys);
                    self.ask_for_keys_again();
                }
                Ok(Event::Presence(presence)) => self.on_presence(presence),
                Ok(Event::NameserverKey { key }) => self.on_nameserver_key(key),
                Ok(Event::TookOver {}) => {
                    self.successor_of = None;
                    self.log.info("it has taken over");
                }
                Ok(Event::Unguarded { lacks, see }) => {
                    let lacks = Guard::listed(&lacks);
                    self.log.warn(&format!(
                        "the sockets of this agent lack {lacks}: see {see}"
                    ));
                }
                // To watchers, and to hosts.
                Ok(
                    Event::Agent { .. }
                    | Event::Host { .. }
                    | Event::Successor { .. }
                    | Event::Renew {},
                )
                | Err(_) => {}
            },
            MessageKind::Reply if self.membership.is_announcement(envelope.id) => {
                self.note_registered()
            }
            MessageKind::Reply => self
                .membership
                .on_kept(envelope.id, || read_body(body).ok()),
        }
    }

    fn on_nameserver_key(&mut self, key: PublicKey) {
        match self.membership.control.expect(key) {
            Ok(true) => self.log.info("the name server has another key"),
            Ok(false) => {}
            Err(error) => self.log.warn(&format!(
                "the name server has another key, which cannot be written down: {error}"
            )),
        }
    }

    /// Something has been seen of the line to the name server.
    pub(crate) fn look_at_control(&mut self) {
        if let Some(why) = self.membership.control.look() {
            // No member could command it or look it up.
            self.log.error(&format!("{why}: this agent ends"));
            self.life.over(1);
        }
        if self.membership.control.take_returned() {
            self.membership.hasten_heartbeat();
        }
    }

    fn on_request(&mut self, envelope: Envelope, body: &[u8]) {
        let level = self.level_of(&envelope);
        let request = Request::of(envelope, self.now);
        let asked: Result<AgentRequest, Fault> = read_body(body);
        match asked.and_then(|asked| asked.permitted_to(level).map(|()| asked)) {
            Ok(asked) => self.serve(asked, request),
            Err(fault) => self.reply(request.requester, Err(fault)),
        }
        self.finish_closing();
    }

    /// What the requester may do, according to the name server. Where every peer is admitted, everything.
    fn level_of(&self, envelope: &Envelope) -> Access {
        match self.boot.keys {
            Some(_) => envelope.level.unwrap_or(Access::Join),
            None => Access::Admin,
        }
    }

    /// Does what is asked, and makes sure that it is answered.
    pub(crate) fn serve(&mut self, asked: AgentRequest, request: Request) {
        let requester = request.requester.clone();
        if let Some(outcome) = self.carry_out(asked, request) {
            self.reply(requester, outcome);
        }
    }

    fn on_refusal(&mut self, envelope: &Envelope, body: &[u8]) {
        if !self.membership.is_announcement(envelope.id) {
            return;
        }
        match read_body(body) {
            Ok(fault @ Fault::NameTaken { .. }) => {
                self.log
                    .error(&format!("the name server refuses this agent: {fault}"));
                self.life.over(1);
            }
            Ok(fault) => self.log.warn(&format!(
                "the name server does not register this agent: {fault}"
            )),
            Err(_) => self
                .log
                .warn("the name server refuses this agent, and does not say why"),
        }
    }

    fn carry_out(&mut self, asked: AgentRequest, request: Request) -> Outcome {
        match asked {
            AgentRequest::Addr { alias } => Some(self.addr(alias)),
            AgentRequest::Bind(bind) => Some(self.bind(bind, request.requester.as_ref())),
            AgentRequest::Connect(connect) => self.connect(connect, request),
            AgentRequest::ConnectTo(connect) => self.connect_to(connect, request),
            AgentRequest::Admit { alias, holder } => Some(self.admit(&alias, holder)),
            AgentRequest::Dismiss { alias, holder } => Some(self.dismiss(&alias, &holder)),
            AgentRequest::Sockets {} => Some(Ok(value(&self.held_sockets()))),
            AgentRequest::Close { alias, linger } => {
                self.close_asked(alias, linger, request.requester)
            }
            AgentRequest::CloseAll { linger } => self.close_all(linger, request.requester),
            AgentRequest::Subscribe { alias, handlers } => {
                self.subscribe(&alias, handlers, request)
            }
            AgentRequest::Unsubscribe { alias, topics } => Some(self.unsubscribe(&alias, topics)),
            AgentRequest::Configure(configure) => Some(self.configure(configure)),
            AgentRequest::Alter(alter) => Some(self.alter(alter)),
            AgentRequest::Wire { aliases } => self.wire(aliases.as_deref(), request),
            AgentRequest::Probe { alias, token } => Some(self.probe(&alias, &token)),
            AgentRequest::Unprobe { alias, token } => Some(self.unprobe(&alias, &token)),
            AgentRequest::Prove { alias, tokens } => self.prove(&alias, tokens, request),
            AgentRequest::Confirm { alias, lines } => Some(self.confirm(&alias, lines)),
            AgentRequest::Arrived { alias, lines } => Some(self.arrived(&alias, &lines)),
            AgentRequest::Drain {} => self.drain_asked(request),
            AgentRequest::Resume {} => {
                self.resume();
                done()
            }
            AgentRequest::LeaveOut { alias, lines } => {
                Some(self.leave_out(&alias, &lines, request.requester.as_ref()))
            }
            AgentRequest::Left { alias, lines } => self.left(&alias, lines, request),
            AgentRequest::Adopt { system } => Some(self.adopt(system)),
            AgentRequest::Release { system } => Some(Ok(self.release(&system).into())),
            AgentRequest::Lead { to } => {
                self.lead(to);
                done()
            }
            AgentRequest::Launch(launch) => self.launch(launch, request),
            AgentRequest::FollowAttributes { for_ms } => {
                self.follow_attributes(Duration::from_millis(for_ms.into()));
                done()
            }
            AgentRequest::GetAttr { name } => Some(self.get_attr(name)),
            AgentRequest::SetAttr { attributes } => {
                self.set_attributes(attributes);
                done()
            }
            AgentRequest::Attributes {} => Some(Ok(value(&self.attributes))),
            AgentRequest::Send {
                alias,
                message,
                topic,
            } => self.send(&alias, &message, topic.as_ref(), request),
            AgentRequest::Ask {
                alias,
                message,
                replies,
            } => Some(self.ask(&alias, &message, replies)),
            AgentRequest::SendRecv { alias, message } => self.send_recv(&alias, &message, request),
            AgentRequest::Wait { alias } => Some(self.wait_by(&alias)),
            AgentRequest::Call { name, params } => self.invoke(name, params, request),
            AgentRequest::Timer(timer) => Some(self.add_timer(timer)),
            AgentRequest::Timers {} => Some(Ok(value(&self.timers.list(self.now)))),
            AgentRequest::StopTimer { alias } => Some(self.stop_timer(&alias)),
            AgentRequest::StopTimers {} => {
                self.timers.clear();
                done()
            }
            AgentRequest::IsRunning {} => Some(Ok((!self.life.ending()).into())),
            AgentRequest::Status {} => Some(Ok(value(&self.status()))),
            AgentRequest::Tap(tap) => Some(self.tap(&tap)),
            AgentRequest::KeepTap { token } => Some(self.keep_tap(&token)),
            AgentRequest::Tapped { token, wait } => self.tapped(&token, wait, request),
            AgentRequest::Untap { token } => {
                self.untap(&token);
                done()
            }
            AgentRequest::Rate {} => Some(Ok(value(&self.rate()))),
            AgentRequest::Log { level, text } => {
                self.log.line(level, &text);
                done()
            }
            AgentRequest::Quiet {} => {
                self.quiet();
                done()
            }
            AgentRequest::Shutdown { grace } => {
                self.asked_to_end |= !self.life.ending();
                self.stays_down |= !self.life.ending();
                let grace = grace.unwrap_or_else(|| self.stop_timeout());
                self.end_within(0, grace);
                done()
            }
        }
    }

    /// Sets attributes and tells the program.
    pub(crate) fn set_attributes(&mut self, attributes: BTreeMap<String, Value>) {
        self.tell_attributes(&attributes);
        self.keep_attributes(attributes);
    }

    fn get_attr(&self, name: String) -> Result<Value, Fault> {
        self.attributes
            .get(&name)
            .cloned()
            .ok_or_else(|| Fault::UnknownAttribute {
                agent: self.boot.name().clone(),
                attribute: name,
                known: self.attributes.keys().take(LISTED).cloned().collect(),
            })
    }

    fn addr(&self, alias: Option<Alias>) -> Result<Value, Fault> {
        let Some(alias) = alias else {
            return Ok(value(&self.sockets.addresses()));
        };
        let (_, slot) = self.find(&alias)?;
        match slot.address() {
            Some(address) => Ok(value(&address)),
            None => Err(Fault::Refused {
                reason: format!("{}.{alias} connects: it has no address", self.boot.name()),
            }),
        }
    }

    fn status(&mut self) -> AgentStatus {
        AgentStatus {
            state: self.own_state().0,
            sockets: self.sockets.stats(),
            garbage_lines: self.garbage_lines,
            skipped_ticks: self.skipped_ticks,
            admits: self.sockets.doors(),
            queued: self.sockets.queued_by_alias(),
            usage: self.usage(),
        }
    }

    /// What it takes of its machine; read only when somebody asks.
    fn usage(&self) -> Option<AgentUsage> {
        let program = self.program.as_ref().and_then(|it| it.pid());
        Some(AgentUsage {
            at_us: u64::try_from(self.elapsed().as_micros()).unwrap_or(u64::MAX),
            agent: taken(std::process::id(), own_usage()?),
            program: program.and_then(|pid| Some(taken(pid, usage_of_all(pid)?))),
        })
    }

    /// The socket of that alias.
    fn find(&self, alias: &Alias) -> Result<(SlotId, &Slot), Fault> {
        self.sockets
            .named(alias.as_str())
            .ok_or_else(|| Fault::UnknownAlias {
                agent: self.boot.name().clone(),
                alias: alias.clone(),
                known: self.sockets.aliases(),
            })
    }
}

impl Request {
    fn of(envelope: Envelope, now: Duration) -> Self {
        let limit = match envelope.deadline_ms {
            0 => REQUEST_TIMEOUT,
            ms => Duration::from_millis(ms.into()),
        };
        let requester = (envelope.kind == MessageKind::Request).then_some(Requester::Member {
            peer: envelope.peer,
            id: envelope.id,
        });
        Self::new(requester, limit, now)
    }

    pub(crate) fn new(requester: Option<Requester>, limit: Duration, now: Duration) -> Self {
        let courtesy = (limit / 20).min(Duration::from_millis(100));
        Self {
            requester,
            limit,
            until: now + limit - courtesy,
        }
    }
}

fn taken(pid: u32, usage: Usage) -> ProcessUsage {
    ProcessUsage {
        pid,
        processes: usage.processes,
        cpu_us: usage.cpu_us,
        memory: usage.memory,
    }
}

fn done() -> Outcome {
    Some(Ok(Value::Null))
}

/// Types of the wire as JSON.
pub(crate) fn value<T: Serialize>(content: &T) -> Value {
    // Their maps have text for keys, and none of them fails.
    serde_json::to_value(content).unwrap_or_default()
}
