//! `osb set`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::many::{self, Ended, Whom};
use super::timeout::TimeoutArgs;
use super::value::{assignment, json};
use super::{CommandError, Context, complete};
use crate::proxy::Proxy;
use crate::render::Done;
use crate::wire::AgentRequest;

/// Set attributes of an agent
#[derive(Debug, clap::Args)]
pub struct SetArgs {
    /// The agent, or, as in W*, all whose names begin so
    #[arg(add = complete::agents())]
    pub agent: String,
    /// What to set; values are JSON. ATTRIBUTE VALUE, as two words, sets one
    #[arg(
        required = true,
        value_name = "ATTRIBUTE=VALUE",
        allow_negative_numbers = true
    )]
    pub attributes: Vec<String>,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

pub(crate) fn run(args: SetArgs, context: &mut Context) -> Result<(), CommandError> {
    let attributes = attributes(&args.attributes)?;
    let session = context.session()?;
    let limit = args.timeout.limit();
    match many::whom((&session, context), &args.agent, limit, Ended::IfBadly)? {
        Whom::One(proxy) => {
            session.tell(proxy.set_attrs(attributes))?;
            context.print(&Done)
        }
        Whom::Many(agents) => {
            let request = |_: &Proxy| AgentRequest::SetAttr {
                attributes: attributes.clone(),
            };
            many::show(context, many::ask(agents, request), true, |it| {
                session.tell(it)
            })
        }
    }
}

fn attributes(words: &[String]) -> Result<BTreeMap<String, Value>, CommandError> {
    if let [name, value] = words
        && !name.contains('=')
    {
        return Ok(BTreeMap::from([(name.clone(), json(value)?)]));
    }
    words.iter().map(|word| assignment(word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_are_read() {
        let read = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            attributes(&words).map(|it| serde_json::to_string(&it).unwrap())
        };
        assert_eq!(read(&["x", "-1"]).unwrap(), r#"{"x":-1}"#);
        assert_eq!(read(&["x=1", "y=[2]"]).unwrap(), r#"{"x":1,"y":[2]}"#);
        assert!(read(&["x"]).is_err());
        assert!(read(&["x=1", "2"]).is_err());
    }
}
