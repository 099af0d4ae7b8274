//! Runs an agent's code: one thing at a time, in the thread that it was given.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::agent::{Code, Garbled};
use super::current::{Current, Promise};
use super::later::Added;
use super::timers::is_own;
use super::{CallError, Context, Error, Result};
use crate::agent::{Heard, Listened, OwnWord, Payload, ProgramId, Whence};
use crate::wire::Content;

/// The exit status after an error that ends the agent.
const FAILED: i32 = 1;
/// The exit status after a panic, as Rust has it for processes.
const PANICKED: i32 = 101;

/// The code and its context.
pub(super) struct Worker<S> {
    code: Code<S>,
    pub(super) context: Context<S>,
    /// The last error of its code that nobody was answered with.
    pub(super) trouble: Option<String>,
}

impl<S> Worker<S> {
    pub(crate) fn new(code: Code<S>, context: Context<S>) -> Self {
        Self {
            code,
            context,
            trouble: None,
        }
    }

    /// From the first hook to the end. `go`: the agent may begin at once; no `up` says when.
    /// `registered` is called when the agent is listed by the name server.
    pub(crate) fn run(mut self, go: bool, registered: impl FnOnce()) {
        if self.prepare(go).is_err() {
            return;
        }
        registered();
        self.before_loop();
        while self.context.ending.is_none() {
            let patience = self.code.idle.as_ref().map(|(patience, _)| *patience);
            match self.context.line.next(patience) {
                Listened::Word(word) => self.attend(word),
                Listened::Knock => self.run_task(),
                Listened::Nothing => self.idle(),
                Listened::Gone => break,
            }
        }
        let status = self.context.ending.unwrap_or_default();
        self.context.line.end_with(status);
    }

    /// The hooks that run before the first message. Comes back with the error of one of them.
    pub(super) fn begin(&mut self, go: bool) -> Result<(), String> {
        self.prepare(go)?;
        self.before_loop();
        self.trouble.take().map_or(Ok(()), Err)
    }

    fn before_loop(&mut self) {
        self.take_added();
        let begin = self.code.before_loop.as_mut();
        let outcome = begin.map(|hook| guarded(|| hook(&mut self.context)));
        self.judge("before_loop", outcome);
        self.take_added();
    }

    /// Comes back with an error if the agent ends before it has begun.
    fn prepare(&mut self, go: bool) -> Result<(), String> {
        let init = self.code.on_init.as_mut();
        if let Some(Err(error)) = init.map(|hook| guarded(|| hook(&mut self.context))) {
            self.context.log_error(format_args!("on_init: {error}"));
            let status = error.status(true).unwrap_or(FAILED);
            self.context.line.end_with(status);
            return Err(error.to_string());
        }
        let introduced = self.context.line.introduce(go);
        introduced.map_err(|error| error.to_string())
    }

    /// Puts in its place what code has been added.
    fn take_added(&mut self) {
        for added in self.context.added.drain(..) {
            match added {
                Added::Method(name, code) => self.code.methods.insert(name, code),
                Added::Handler(name, code) => self.code.handlers.insert(name, code),
            };
        }
    }

    /// Does what a word says.
    pub(super) fn attend(&mut self, word: Heard) {
        self.obey(word);
        self.take_added();
    }

    fn obey(&mut self, word: Heard) {
        match word {
            Heard::Start => {
                let hook = self.code.on_start.as_mut();
                let outcome = hook.map(|hook| guarded(|| hook(&mut self.context)));
                self.judge("on_start", outcome);
            }
            Heard::Stop => {
                let hook = self.code.on_stop.as_mut();
                let outcome = hook.map(|hook| guarded(|| hook(&mut self.context)));
                self.judge("on_stop", outcome);
                self.context.shutdown();
            }
            Heard::At(at) => self.context.at = Some(at),
            Heard::Message { topic, id, message } => self.handle(topic, id, message),
            Heard::Call { id, name, params } => {
                self.context.current = Current {
                    pending: Some(Promise(id)),
                    ..Current::default()
                };
                let Some(code) = self.code.methods.get_mut(&name) else {
                    return self.has_no_method(&name);
                };
                let params = Payload::Value(params);
                let outcome = guarded(|| code(&mut self.context, params, true));
                self.settle(&name, outcome);
                self.forget_if_once(&name);
            }
            Heard::Reply { id, outcome } => self.answered(&id, outcome),
            Heard::Release | Heard::Attributes | Heard::Registered => {}
        }
    }

    fn handle(&mut self, topic: Option<String>, id: Option<u64>, message: Payload) {
        // It is told before the first message.
        let Some(at) = self.context.at.clone() else {
            return;
        };
        self.context.current = Current {
            is_message: true,
            topic,
            pending: id.map(Promise),
        };
        let (name, is_named) = match &at.handler {
            Some(handler) => (handler.as_str(), true),
            None => (at.alias.as_str(), false),
        };
        let Code {
            handlers,
            methods,
            any,
            ..
        } = &mut self.code;
        let own = match handlers.get_mut(name) {
            None if is_named => methods.get_mut(name),
            own => own,
        };
        let Some(code) = own.or(any.as_mut()) else {
            let missing = Error::msg(format!("there is no handler {name}"));
            return self.settle(name, Err(Failure::Error(missing)));
        };
        let outcome = guarded(|| code(&mut self.context, message, id.is_some()));
        match outcome {
            Err(Failure::Error(error)) if error.is::<Garbled>() => self.give_back(&at, id, &error),
            outcome => self.settle(name, outcome),
        }
    }

    /// What has come is no message: the agent counts it, and tells its requester.
    fn give_back(&mut self, at: &Whence, id: Option<u64>, error: &Error) {
        self.context.current = Current::default();
        // An agent that is gone counts no more.
        let _ = self.context.line.say(OwnWord::Garbled {
            alias: at.alias.clone(),
            id,
            reason: error.to_string(),
        });
    }

    /// What another thread has to do.
    pub(super) fn run_task(&mut self) {
        if let Ok(task) = self.context.tasks.try_recv() {
            let outcome = guarded(|| task(&mut self.context));
            self.judge("what another thread runs", Some(outcome));
            self.take_added();
        }
    }

    /// The caller is told which methods there are, but for those of timers.
    fn has_no_method(&mut self, name: &str) {
        if let Some(Promise(id)) = std::mem::take(&mut self.context.current).pending {
            let methods = self.code.methods.keys();
            let known = methods.filter(|it| !is_own(it)).cloned().collect();
            // An agent that is gone has told its requesters.
            let _ = self.context.line.say(OwnWord::NoMethod { id, known });
        }
        let text = format_args!("there is no method {name}");
        self.context.log_warning(text);
    }

    /// The answer to a request that was not waited for.
    fn answered(&mut self, id: &ProgramId, outcome: Result<Payload, String>) {
        let ProgramId::Number(number) = id else {
            return;
        };
        let Some(then) = self.context.asked.remove(number) else {
            return;
        };
        let answer = outcome.map_err(CallError::Refused);
        let outcome = guarded(|| then(&mut self.context, answer));
        self.judge("an answer", Some(outcome));
    }

    fn forget_if_once(&mut self, name: &str) {
        let once = &mut self.context.once;
        if let Some(at) = once.iter().position(|once| once == name) {
            once.swap_remove(at);
            self.code.methods.remove(name);
        }
    }

    fn idle(&mut self) {
        let hook = self.code.idle.as_mut();
        let outcome = hook.map(|(_, hook)| guarded(|| hook(&mut self.context)));
        self.judge("idle", outcome);
        self.take_added();
    }

    /// A handler or method has come back: its requester is answered.
    fn settle(&mut self, name: &str, mut outcome: Result<Option<Content>, Failure>) {
        if let Some(pending) = std::mem::take(&mut self.context.current).pending {
            let answer = match &mut outcome {
                Ok(answer) => Ok(answer.take().unwrap_or_default()),
                Err(failure) => Err(failure.to_string()),
            };
            // An agent that is gone has told its requesters.
            let _ = self.context.answer(pending, answer);
        }
        self.judge(name, Some(outcome));
    }

    /// Logs an error, and sees whether it ends the agent.
    fn judge<T>(&mut self, name: &str, outcome: Option<Result<T, Failure>>) {
        let Some(Err(failure)) = outcome else { return };
        self.context.log_error(format_args!("{name}: {failure}"));
        self.trouble = Some(failure.to_string());
        self.context.ending = self
            .context
            .ending
            .or(failure.status(self.code.ends_on_error));
    }
}

/// Why code came back without an answer.
enum Failure {
    Error(Error),
    Panic(String),
}

impl Failure {
    /// The exit status, if it ends the agent.
    fn status(&self, errors_end: bool) -> Option<i32> {
        match self {
            Failure::Panic(_) => Some(PANICKED),
            Failure::Error(_) => errors_end.then_some(FAILED),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Error(error) => write!(f, "{error:#}"),
            Failure::Panic(text) => write!(f, "panicked: {text}"),
        }
    }
}

/// Runs code that may panic. The state may be half changed then, so a panic ends the agent; but not
/// before the requester has been told.
fn guarded<T>(code: impl FnOnce() -> Result<T>) -> Result<T, Failure> {
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(outcome) => outcome.map_err(Failure::Error),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            Err(Failure::Panic(text.unwrap_or_default()))
        }
    }
}
