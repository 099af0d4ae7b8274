//! `osb scale`: more or fewer agents of an entry with `replicas`, while the system runs.

use std::str::FromStr;

use super::otherwise::become_otherwise;
use super::overridden::Standing;
use super::{CommandError, Context, ErrorKind};
use crate::model::AgentId;
use crate::render::did_you_mean;

/// Have more or fewer replicas of agents, while their system runs
#[derive(Debug, clap::Args)]
pub struct ScaleArgs {
    /// For how many agents the entry of the topology stands from now on, whatever the file says; `file`: as many as that says
    #[arg(value_name = "NAME=N", required = true)]
    pub entries: Vec<Scaled>,
    /// Let agents end before they have taken in what was meant for them, where that cannot be had
    #[arg(long)]
    pub lossy: bool,
}

/// `Worker=8`, or `Worker=file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scaled {
    entry: AgentId,
    /// None: what the file says.
    count: Option<usize>,
}

impl FromStr for Scaled {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "expected NAME=N, such as Worker=8, or NAME=file".to_owned();
        let (entry, count) = text.split_once('=').ok_or_else(wrong)?;
        let entry = entry.parse().map_err(|error| format!("{error}"))?;
        let count = match count {
            "file" => None,
            count => match count.parse() {
                Ok(count @ 1..=10_000) => Some(count),
                Ok(_) => return Err("there are from 1 to 10000 replicas".to_owned()),
                Err(_) => return Err(wrong()),
            },
        };
        Ok(Self { entry, count })
    }
}

pub(crate) fn run(args: ScaleArgs, context: &mut Context) -> Result<(), CommandError> {
    let standing = Standing::meant(context)?;
    let said = standing.sources()?.replicas();
    let mut overrides = standing.overrides.clone();
    for Scaled { entry, count } in args.entries {
        let Some(said) = said.get(&entry) else {
            return Err(no_such(&entry, said.keys()));
        };
        match count.filter(|count| count != said) {
            Some(count) => overrides.replicas.insert(entry, count),
            None => overrides.replicas.remove(&entry),
        };
    }
    become_otherwise(standing, overrides, args.lossy, context)
}

fn no_such<'a>(entry: &AgentId, known: impl Iterator<Item = &'a AgentId>) -> CommandError {
    let known: Vec<String> = known.map(ToString::to_string).collect();
    let sentence = format!("the topology has no replicas of {entry}");
    let hint = did_you_mean(&entry.to_string(), known.iter().map(String::as_str));
    let all = match known.is_empty() {
        true => "give the agent's entry `replicas: 1`, and `osb up` again".to_owned(),
        false => format!("there are {}", known.join(", ")),
    };
    CommandError::say(ErrorKind::Usage, sentence)
        .with_hints(hint)
        .with_hint(&all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_scaled_to_a_number_or_to_what_the_file_says() {
        let scaled = |text: &str| text.parse::<Scaled>();
        let worker = |count| Scaled {
            entry: "Worker".parse().unwrap(),
            count,
        };
        assert_eq!(scaled("Worker=8"), Ok(worker(Some(8))));
        assert_eq!(scaled("Worker=file"), Ok(worker(None)));
        for bad in [
            "Worker",
            "Worker=",
            "Worker=0",
            "Worker=-1",
            "Worker=10001",
            "=3",
            "a b=3",
        ] {
            assert!(scaled(bad).is_err(), "{bad}");
        }
    }
}
