//! Requests of those who look at what passes at the sockets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{Outcome, Request, value};
use crate::agent::sockets::{Place, TapSocket};
use crate::agent::state::Agent;
use crate::agent::taps::Measuring;
use crate::model::timing::RATE_TIMEOUT;
use crate::model::{Endpoint, Millis};
use crate::wire::{Fault, Rates, TapRequest, TapToken, Tapping};

impl Agent {
    pub(super) fn tap(&mut self, request: &TapRequest) -> Result<Value, Fault> {
        for alias in &request.aliases {
            self.find(alias)?;
        }
        if !self.taps.has_room() {
            let reason = "too many look at this agent already".to_owned();
            return Err(Fault::Refused { reason });
        }
        // One that is asked for again begins anew.
        self.untap(&request.token);
        let tapping = self.open_tap()?;
        let stream = self.taps.add(request, self.now);
        self.sockets.tap(stream);
        Ok(value(&tapping))
    }

    pub(super) fn keep_tap(&mut self, token: &TapToken) -> Result<Value, Fault> {
        match self.taps.keep(token, self.now) {
            true => Ok(Value::Null),
            false => Err(no_such_tap()),
        }
    }

    fn open_tap(&mut self) -> Result<Tapping, Fault> {
        let Endpoint::Tcp { ip, .. } = self.endpoint(None) else {
            let reason = "the agent has no address to be dialled at".to_owned();
            return Err(Fault::Refused { reason });
        };
        let place = Place {
            agent: self.boot.name(),
            advertise: self.boot.advertise,
            ipc_dir: &self.boot.ipc_dir,
        };
        let keys = self.boot.keys.as_ref().map(|keys| &keys.own);
        let bind = || TapSocket::bind(&self.context, keys, (ip, 0).into(), &place);
        let opened = self.taps.open(bind);
        opened.map_err(|reason| Fault::Refused { reason })
    }

    /// Answered when something has passed, or the time is up.
    pub(super) fn tapped(&mut self, token: &TapToken, wait: Millis, request: Request) -> Outcome {
        let until = (self.now + wait.duration()).min(request.until);
        match self.taps.ask(token, request.requester, until) {
            true => None,
            false => Some(Err(no_such_tap())),
        }
    }

    pub(super) fn untap(&mut self, token: &TapToken) {
        if let Some(stream) = self.taps.remove(token) {
            self.sockets.untap(&stream);
        }
    }

    pub(super) fn rate(&mut self) -> Rates {
        let since = self.taps.measuring.map_or(self.now, |it| it.since);
        let until = self.now + RATE_TIMEOUT;
        self.taps.measuring = Some(Measuring { since, until });
        let us = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Rates {
            at_us: us(self.elapsed()),
            since_us: us(since),
            sockets: self.sockets.rates(),
        }
    }

    /// Shows what has passed in this turn, and ends what nobody has asked for lately.
    pub(crate) fn see_to_taps(&mut self) {
        for token in self.taps.expired(self.now) {
            self.untap(&token);
        }
        if self.taps.measuring.is_some_and(|it| it.until <= self.now) {
            self.taps.measuring = None;
            self.sockets.stop_measuring();
        }
        for (requester, batch) in self.taps.show(self.now) {
            let batch = Value::from(STANDARD.encode(batch));
            self.reply(requester, Ok(batch));
        }
    }
}

fn no_such_tap() -> Fault {
    Fault::Refused {
        reason: "there is no such tap".to_owned(),
    }
}
