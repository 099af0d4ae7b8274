//! Values as types of the caller's own, instead of JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Proxy, ProxyError};

impl Proxy {
    /// Calls a method of the agent's program, and reads the answer as a `T`.
    ///
    /// ```no_run
    /// # let ns = osb::proxy::NameServer::connect("127.0.0.1:7400")?;
    /// let sum: u32 = ns.proxy("Adder")?.call_as("add", (1, 2))?;
    /// # Ok::<(), osb::proxy::ProxyError>(())
    /// ```
    pub fn call_as<T: DeserializeOwned>(
        &self,
        method: &str,
        params: impl Serialize,
    ) -> Result<T, ProxyError> {
        let answer = self.call(method, params)?;
        read(answer, || format!("the answer of {}.{method}", self.name()))
    }

    /// The value of an attribute, as a `T`.
    pub fn get_attr_as<T: DeserializeOwned>(&self, attribute: &str) -> Result<T, ProxyError> {
        let value = self.get_attr(attribute)?;
        read(value, || {
            format!("the attribute {attribute} of {}", self.name())
        })
    }

    /// Sends a request by one of its sockets that ask, and reads the answer as a `T`.
    pub fn send_recv_as<T: DeserializeOwned>(
        &self,
        alias: &str,
        message: impl Serialize,
    ) -> Result<T, ProxyError> {
        let answer = self.send_recv(alias, message)?;
        read(answer, || {
            format!("the answer to a request by {}.{alias}", self.name())
        })
    }
}

fn read<T: DeserializeOwned>(value: Value, what: impl FnOnce() -> String) -> Result<T, ProxyError> {
    serde_json::from_value(value).map_err(|error| ProxyError::Unexpected {
        what: what(),
        reason: error.to_string(),
    })
}
