//! How people are told of what is looked at.

use crate::model::NameServerName;
use crate::plan::Plan;

/// How a name server is called.
pub(crate) fn nameserver_called(name: &NameServerName, plan: &Plan) -> String {
    match plan.nameservers.len() {
        1 => "the name server".to_owned(),
        _ => format!("the name server {}", name.as_str()),
    }
}
