//! One agent that is tapped: dialled, granted what it may show, asked to go on.

use std::collections::BTreeMap;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use zmq::{Context, DONTWAIT, Message, Socket};

use super::asks::{Asked, Asks};
use super::{Seen, SeenMessage, TapId, TapOf};
use crate::model::timing::{TAP_DIAL_TIMEOUT, TAP_INTERVAL, TAP_PIECE_TIMEOUT, TAP_RETRY_INTERVAL};
use crate::model::{AgentName, Credentials, KeyPair, State};
use crate::proxy::{Proxy, ProxyError};
use crate::wire::{
    AgentRequest, Fault, TapRecord, TapRequest, TapToken, TappedSocket, Tapping, read_batch,
};
use crate::zeromq::{HANDSHAKE_MS, dial_with, draw_keys, keep_alive};

/// How much an agent may show before more is granted, in bytes.
const CREDIT: u32 = 4 << 20;
/// So much is granted at a time, of what has been read.
const PORTION: u32 = CREDIT / 4;

/// The agent.
pub(super) struct Viewed {
    agent: Proxy,
    of: TapOf,
    token: TapToken,
    /// In a closed system.
    keys: Option<KeyPair>,
    socket: Option<Socket>,
    standing: Standing,
    sockets: BTreeMap<u16, TappedSocket>,
    /// In the lives of the agent before this one, and in this one.
    lost: [u64; 2],
    /// What has been read, and not been granted again.
    read: u32,
    /// When it is asked next.
    due: Instant,
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It was asked to begin.
    Asked,
    /// It is dialled, since then.
    Dialled(Instant),
    /// It shows by its socket,
    Direct,
    /// or by the control connection.
    Piecewise,
    /// It shows nothing.
    Away,
}

impl Viewed {
    pub(super) fn new(agent: Proxy, of: TapOf) -> Result<Self, ProxyError> {
        let keys = match agent.nameserver().link().is_closed() {
            true => Some(draw_keys()?),
            false => None,
        };
        Ok(Self {
            agent,
            of,
            token: TapToken::draw(),
            keys,
            socket: None,
            standing: Standing::Asked,
            sockets: BTreeMap::new(),
            lost: [0; 2],
            read: 0,
            due: Instant::now() + TAP_INTERVAL,
        })
    }

    pub(super) fn agent(&self) -> &Proxy {
        &self.agent
    }

    pub(super) fn socket(&self) -> Option<&Socket> {
        self.socket.as_ref()
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.iter().sum()
    }

    /// When it is to be looked at even if nothing comes.
    pub(super) fn due(&self) -> Instant {
        match self.standing {
            Standing::Dialled(since) => self.due.min(since + TAP_DIAL_TIMEOUT),
            Standing::Asked | Standing::Direct | Standing::Piecewise | Standing::Away => self.due,
        }
    }

    pub(super) fn is_called(&self, nameserver: &str, name: &AgentName) -> bool {
        self.agent.name() == name && self.agent.nameserver().link().address() == nameserver
    }

    /// Asks it to begin.
    pub(super) fn ask(&mut self, id: TapId, asks: &Asks) {
        let request = AgentRequest::Tap(TapRequest {
            token: self.token,
            aliases: self.of.aliases.clone(),
            topics: self.of.topics.clone(),
            most: self.of.most,
            sample: self.of.sample,
            key: self.keys.as_ref().map(|keys| keys.public),
        });
        self.due = Instant::now() + TAP_INTERVAL;
        asks.wait_for(id, Asked::Tap, self.agent.ask(&request));
    }

    /// Nobody looks any more.
    pub(super) fn end(&self) {
        if self.standing != Standing::Away {
            let token = self.token;
            self.agent.tell(&AgentRequest::Untap { token });
        }
    }

    fn keep(&mut self, id: TapId, asks: &Asks) {
        self.due = Instant::now() + TAP_INTERVAL;
        let token = self.token;
        let request = AgentRequest::KeepTap { token };
        asks.wait_for(id, Asked::Keep, self.agent.ask(&request));
    }

    fn ask_piece(&mut self, id: TapId, asks: &Asks) {
        self.due = Instant::now() + TAP_INTERVAL;
        let request = AgentRequest::Tapped {
            token: self.token,
            wait: TAP_PIECE_TIMEOUT.into(),
        };
        asks.wait_for(id, Asked::Piece, self.agent.ask(&request));
    }

    pub(super) fn see_to_the_clock(&mut self, id: TapId, asks: &Asks) {
        let now = Instant::now();
        match self.standing {
            Standing::Dialled(since) if since + TAP_DIAL_TIMEOUT <= now => {
                self.standing = Standing::Piecewise;
                self.ask_piece(id, asks);
            }
            Standing::Away if self.due <= now => self.ask(id, asks),
            Standing::Dialled(_) | Standing::Direct if self.due <= now => self.keep(id, asks),
            // A question is under way.
            Standing::Asked | Standing::Piecewise if self.due <= now => {
                self.due = now + TAP_INTERVAL;
            }
            _ => {}
        }
    }

    /// It has registered, or is in another state.
    pub(super) fn on_changed<E>(
        &mut self,
        id: TapId,
        state: State,
        asks: &Asks,
        each: &mut impl FnMut(Seen<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if state.ended() {
            let agent = self.agent.name().clone();
            return self.away(id, Fault::NotRunning { agent, state }.into(), each);
        }
        match self.standing {
            Standing::Away => self.ask(id, asks),
            // It may be another life, which knows nothing of this tap.
            Standing::Dialled(_) | Standing::Direct => self.keep(id, asks),
            Standing::Asked | Standing::Piecewise => {}
        }
        Ok(())
    }

    pub(super) fn on_answer<E>(
        &mut self,
        id: TapId,
        (asked, outcome): (Asked, Result<Value, ProxyError>),
        (context, asks): (&Context, &Asks),
        each: &mut impl FnMut(Seen<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let answer = match (asked, outcome) {
            (_, Ok(answer)) => answer,
            // It has another life, or has waited for the next word in vain.
            (Asked::Keep | Asked::Piece, Err(ProxyError::Fault(Fault::Refused { .. }))) => {
                self.ask(id, asks);
                return Ok(());
            }
            (_, Err(why)) => return self.away(id, why, each),
        };
        match asked {
            Asked::Keep => Ok(()),
            Asked::Tap => match self.dial(answer, context) {
                Ok(()) => each(Seen::Began(id)),
                Err(why) => self.away(id, why, each),
            },
            Asked::Piece => {
                let piece = answer.as_str().and_then(|it| STANDARD.decode(it).ok());
                let shown = self.show(id, &piece.unwrap_or_default(), each);
                if self.standing == Standing::Piecewise {
                    self.ask_piece(id, asks);
                }
                shown
            }
        }
    }

    fn away<E>(
        &mut self,
        id: TapId,
        why: ProxyError,
        each: &mut impl FnMut(Seen<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.socket = None;
        self.due = Instant::now() + TAP_RETRY_INTERVAL;
        match std::mem::replace(&mut self.standing, Standing::Away) {
            Standing::Away => Ok(()),
            _ => each(Seen::Away { of: id, why }),
        }
    }

    /// The tap has begun, anew: it is dialled.
    fn dial(&mut self, answer: Value, context: &Context) -> Result<(), ProxyError> {
        let tapping: Tapping =
            serde_json::from_value(answer).map_err(|error| ProxyError::BadAnswer {
                reason: error.to_string(),
            })?;
        let socket = context.socket(zmq::DEALER)?;
        socket.set_linger(0)?;
        keep_alive(&socket)?;
        socket.set_handshake_ivl(HANDSHAKE_MS)?;
        if let (Some(own), Some(server)) = (&self.keys, tapping.key) {
            dial_with(&socket, &Credentials::new(own.clone(), server))?;
        }
        socket.connect(&tapping.address)?;
        // It leaves when there is a connection.
        socket.send(self.token.grant(CREDIT), DONTWAIT)?;
        self.socket = Some(socket);
        self.read = 0;
        self.sockets.clear();
        self.lost = [self.lost(), 0];
        self.standing = Standing::Dialled(Instant::now());
        Ok(())
    }

    /// Reads what it shows by its socket.
    pub(super) fn read<E>(
        &mut self,
        id: TapId,
        each: &mut impl FnMut(Seen<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut frame = Message::new();
        while self.receive(&mut frame) {
            self.standing = Standing::Direct;
            self.show(id, &frame, each)?;
            self.grant(frame.len());
        }
        Ok(())
    }

    fn receive(&self, frame: &mut Message) -> bool {
        let received = self.socket.as_ref().map(|it| it.recv(frame, DONTWAIT));
        matches!(received, Some(Ok(())))
    }

    /// So much has been read: as much more may be shown.
    fn grant(&mut self, read: usize) {
        self.read = self
            .read
            .saturating_add(u32::try_from(read).unwrap_or(u32::MAX));
        if let Some(socket) = self.socket.as_ref().filter(|_| self.read >= PORTION)
            && socket.send(self.token.grant(self.read), DONTWAIT).is_ok()
        {
            self.read = 0;
        }
    }

    fn show<E>(
        &mut self,
        of: TapId,
        batch: &[u8],
        each: &mut impl FnMut(Seen<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        // An empty one says that nothing has passed.
        let Ok((lost, records)) = read_batch(batch) else {
            return Ok(());
        };
        for record in records.flatten() {
            match record {
                TapRecord::Socket { number, socket } => {
                    self.sockets.insert(number, socket);
                }
                TapRecord::Message {
                    socket,
                    count,
                    time,
                    passed,
                } => {
                    if let Some(socket) = self.sockets.get(&socket) {
                        each(Seen::Message(SeenMessage {
                            of,
                            socket,
                            count,
                            time,
                            passed,
                        }))?;
                    }
                }
            }
        }
        if lost > self.lost[1] {
            self.lost[1] = lost;
            let lost = self.lost();
            each(Seen::Lost { of, lost })?;
        }
        Ok(())
    }
}
