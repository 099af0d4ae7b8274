//! How things are called in sentences.

use crate::model::NameServerName;
use crate::plan::Plan;

/// How a name server is called in a sentence.
pub(super) fn which(plan: &Plan, name: &NameServerName) -> String {
    match plan.nameservers.len() {
        1 => "the name server".to_owned(),
        _ => format!("the name server {name}"),
    }
}
