//! `--handler`: what is to be done with messages, as in a topology but one word each.

use std::collections::BTreeMap;

use super::{CommandError, ErrorKind};
use crate::model::{Action, Handlers};
use crate::render::did_you_mean;

/// Reads ACTION and TOPIC=ACTION, each given once or more. None if there are none: then the agent
/// does what it does by itself.
pub(crate) fn handlers(words: &[String]) -> Result<Option<Handlers>, CommandError> {
    let mut all = Vec::new();
    let mut topics: BTreeMap<String, Vec<Action>> = BTreeMap::new();
    for word in words {
        match word.rsplit_once('=') {
            Some((topic, text)) => topics
                .entry(topic.to_owned())
                .or_default()
                .push(action(text)?),
            None => all.push(action(word)?),
        }
    }
    match (all.is_empty(), topics.is_empty()) {
        (true, true) => Ok(None),
        (false, true) => Ok(Some(Handlers::All(all))),
        (true, false) => Ok(Some(Handlers::ByTopic(topics))),
        (false, false) => Err(CommandError::say(
            ErrorKind::Usage,
            "handlers are either for all messages or by topic",
        )
        .with_hint("for messages of any topic, write =ACTION")),
    }
}

/// Reads ACTION, given for some topics.
pub(crate) fn actions(words: &[String]) -> Result<Vec<Action>, CommandError> {
    words.iter().map(|word| action(word)).collect()
}

fn action(text: &str) -> Result<Action, CommandError> {
    text.parse::<Action>().map_err(|error| {
        let hint = did_you_mean(text, Action::WORDS.into_iter())
            .unwrap_or_else(|| format!("there are {}", Action::WORDS.join(", ")));
        CommandError::say(ErrorKind::Usage, error.to_string()).with_hint(hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Option<Handlers>, CommandError> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        handlers(&words)
    }

    #[test]
    fn actions_and_topics_are_told_apart() {
        assert_eq!(read(&[]).unwrap(), None);
        let all = Handlers::All(vec![Action::Log, Action::Collect]);
        assert_eq!(read(&["log", "collect"]).unwrap(), Some(all));
        let topics = read(&["a=b=log", "=collect", "a=b=discard"])
            .unwrap()
            .unwrap();
        assert_eq!(topics.subscriptions(), ["", "a=b"]);
        assert_eq!(topics.actions().count(), 3);
        assert!(read(&["log", "a=log"]).is_err());
        let error = read(&["lgo"]).unwrap_err();
        assert_eq!(error.hints(), ["did you mean log?"]);
    }
}
