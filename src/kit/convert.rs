//! What an agent's code gives and gets, as what goes over the line to its loop.

use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::CallError;
use crate::model::{NameError, to_json};

pub(super) fn name<N: FromStr<Err = NameError>>(text: &str) -> Result<N, CallError> {
    text.parse().map_err(|error| CallError::Name {
        text: text.to_owned(),
        error,
    })
}

pub(super) fn encoded(value: impl Serialize) -> Result<Value, CallError> {
    to_json(value).map_err(CallError::Encode)
}

pub(super) fn decoded<T: DeserializeOwned>(
    value: Value,
    what: impl FnOnce() -> String,
) -> Result<T, CallError> {
    serde_json::from_value(value).map_err(|error| CallError::Decode {
        what: what(),
        error,
    })
}
