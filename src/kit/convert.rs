//! What an agent's code gives and gets, as what goes over the line to its loop.

use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::CallError;
use crate::agent::Payload;
use crate::model::{NameError, to_json};
use crate::wire::{Content, ReadError};

pub(super) fn name<N: FromStr<Err = NameError>>(text: &str) -> Result<N, CallError> {
    text.parse().map_err(|error| CallError::Name {
        text: text.to_owned(),
        error,
    })
}

/// As a message, with bytes apart.
pub(super) fn encoded(value: impl Serialize) -> Result<Content, CallError> {
    Content::of(value).map_err(CallError::Encode)
}

/// As JSON.
pub(super) fn to_value(value: impl Serialize) -> Result<Value, CallError> {
    to_json(value).map_err(CallError::Encode)
}

pub(super) fn decoded<T: DeserializeOwned>(
    message: Payload,
    what: impl FnOnce() -> String,
) -> Result<T, CallError> {
    message.read().map_err(|error| match error {
        ReadError::Unfit(error) => CallError::Decode {
            what: what(),
            error,
        },
        ReadError::Garbled(error) => CallError::Refused(format!("{} is {error}", what())),
    })
}
