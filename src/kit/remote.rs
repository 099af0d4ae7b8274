//! An agent in the hands of other threads: they keep its promises, and have code run by it.

use serde::Serialize;

use super::convert::encoded;
use super::current::Promise;
use super::{CallError, Context, Error, Result};
use crate::agent::{Knock, OwnWord};
use crate::wire::Content;

/// What another thread has for the agent to do.
pub(super) type Task<S> = Box<dyn FnOnce(&mut Context<S>) -> Result<()> + Send>;

/// An agent, for other threads: those that work for long, wait for something else, or belong to a library. It can be
/// cloned, and sent where it is needed. It does not keep the agent from ending.
///
/// ```
/// use osb::kit::Agent;
/// use std::thread;
///
/// let agent = Agent::new(0u64).method("sum", |agent, numbers: Vec<u64>| {
///     let (promise, remote) = (agent.promise()?, agent.remote());
///     // Other messages and calls are seen to meanwhile.
///     thread::spawn(move || {
///         let sum = numbers.iter().sum::<u64>();
///         remote.run(move |agent| {
///             agent.state += sum;
///             Ok(())
///         })?;
///         remote.keep(promise, sum)
///     });
///     Ok(())
/// });
/// ```
pub struct Remote<S> {
    knock: Knock,
    tasks: std::sync::mpsc::Sender<Task<S>>,
}

impl<S> Clone for Remote<S> {
    fn clone(&self) -> Self {
        Self {
            knock: self.knock.clone(),
            tasks: self.tasks.clone(),
        }
    }
}

impl<S> Context<S> {
    /// This agent, for other threads.
    pub fn remote(&self) -> Remote<S> {
        Remote {
            knock: self.line.knock(),
            tasks: self.new_tasks.clone(),
        }
    }
}

impl<S> Remote<S> {
    /// Keeps a promise of the agent, at once: also while one of its handlers is at work.
    ///
    /// # Errors
    ///
    /// If the answer has no form in JSON, or the agent has ended.
    pub fn keep(&self, promise: Promise, answer: impl Serialize) -> Result<(), CallError> {
        self.answer(promise, Ok(encoded(answer)?))
    }

    /// Answers with an error.
    ///
    /// # Errors
    ///
    /// If the agent has ended.
    pub fn break_promise(&self, promise: Promise, why: &Error) -> Result<(), CallError> {
        self.answer(promise, Err(format!("{why:#}")))
    }

    fn answer(&self, promise: Promise, outcome: Result<Content, String>) -> Result<(), CallError> {
        let word = OwnWord::reply(promise.0, outcome);
        match self.knock.say(word.into()) {
            true => Ok(()),
            false => Err(CallError::Ending),
        }
    }

    /// Has the agent run `code` in its turn, between messages, as it runs its handlers: with its state, its sockets and its
    /// attributes. It does not wait for that. An error is one of the agent, as a handler's is.
    ///
    /// # Errors
    ///
    /// If the agent has ended.
    pub fn run(
        &self,
        code: impl FnOnce(&mut Context<S>) -> Result<()> + Send + 'static,
    ) -> Result<(), CallError> {
        let handed = self.tasks.send(Box::new(code)).is_ok();
        match handed && self.knock.knock() {
            true => Ok(()),
            false => Err(CallError::Ending),
        }
    }
}
