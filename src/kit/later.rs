//! Code that an agent adds to itself while it runs: methods, handlers, and code for an
//! answer when it comes.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::agent::{Erased, erase};
use super::convert::{decoded, encoded, name};
use super::error::limit;
use super::{CallError, Context, Result};
use crate::agent::{OwnWord, Payload};
use crate::model::Alias;

/// What is to be done with an answer.
pub(super) type Answered<S> =
    Box<dyn FnOnce(&mut Context<S>, Result<Payload, CallError>) -> Result<()>>;

/// Code that was added, and is not in its place yet.
pub(super) enum Added<S> {
    Method(String, Erased<S>),
    Handler(String, Erased<S>),
}

impl<S> Context<S> {
    /// Adds a method, or puts another one in its place. It can be called when the running handler has
    /// returned.
    pub fn add_method<P, R>(
        &mut self,
        name: &str,
        method: impl FnMut(&mut Context<S>, P) -> Result<R> + 'static,
    ) where
        P: DeserializeOwned,
        R: Serialize,
    {
        let method = erase("what it is called with", method);
        self.added.push(Added::Method(name.to_owned(), method));
    }

    /// Adds a handler, or puts another one in its place.
    pub fn add_handler<M, R>(
        &mut self,
        name: &str,
        handler: impl FnMut(&mut Context<S>, M) -> Result<R> + 'static,
    ) where
        M: DeserializeOwned,
        R: Serialize,
    {
        let handler = erase("the message", handler);
        self.added.push(Added::Handler(name.to_owned(), handler));
    }

    /// Sends a request and goes on; `then` is run with the answer when it comes, or with an error if
    /// none comes within `patience`. An answer that comes later than that is counted and logged.
    pub fn request_then<R: DeserializeOwned>(
        &mut self,
        alias: &str,
        message: impl Serialize,
        patience: Duration,
        then: impl FnOnce(&mut Context<S>, Result<R, CallError>) -> Result<()> + 'static,
    ) -> Result<(), CallError> {
        let socket: Alias = name(alias)?;
        let what = format!("the answer to a request by {alias}");
        let message = encoded(message)?;
        let id = self.line.post(|id| OwnWord::Request {
            alias: socket,
            message,
            id,
            timeout: Some(limit(patience)),
        })?;
        let then = move |context: &mut Context<S>, answer: Result<Payload, CallError>| {
            let answer = answer.and_then(|answer| decoded(answer, || what));
            then(context, answer)
        };
        self.asked.insert(id, Box::new(then));
        Ok(())
    }
}
