//! Which sockets of which agents are meant: `Alice.main`, `Alice` for all of Alice's, `Sensor*.out`, `*`. Pure.

use crate::model::{AgentId, Alias, matches_name};

/// Sockets of an agent. No aliases: all, also those that come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pick {
    pub agent: AgentId,
    pub aliases: Vec<Alias>,
}

/// An agent that there is, with the sockets that it has now.
pub(crate) type There<'a> = (&'a AgentId, Vec<&'a Alias>);

/// What `text` means of those that there are: nothing, if none fits.
pub(crate) fn pick(text: &str, there: &[There<'_>]) -> Vec<Pick> {
    let of_agent = |(agent, aliases): &There<'_>| -> Option<Pick> {
        let name = agent.to_string();
        if matches_name(text, &name) {
            return Some(all_of(agent));
        }
        let dots = text.match_indices('.').map(|(dot, _)| dot);
        let mut parts = dots.map(|dot| (&text[..dot], &text[dot + 1..]));
        parts.find_map(|(begin, alias)| {
            if !matches_name(begin, &name) {
                return None;
            }
            if alias == "*" {
                return Some(all_of(agent));
            }
            let meant = aliases.iter().filter(|it| matches_name(alias, it.as_str()));
            let aliases: Vec<Alias> = meant.map(|it| (*it).clone()).collect();
            let agent = (*agent).clone();
            (!aliases.is_empty()).then_some(Pick { agent, aliases })
        })
    };
    there.iter().filter_map(of_agent).collect()
}

/// The same of several texts, each agent once. Comes back with the first that fits nothing.
pub(crate) fn pick_all<'t>(texts: &'t [String], there: &[There<'_>]) -> Result<Vec<Pick>, &'t str> {
    let mut all: Vec<Pick> = Vec::new();
    for text in texts {
        let some = pick(text, there);
        if some.is_empty() {
            return Err(text);
        }
        for Pick { agent, aliases } in some {
            match all.iter_mut().find(|it| it.agent == agent) {
                None => all.push(Pick { agent, aliases }),
                // All of them are meant already.
                Some(pick) if pick.aliases.is_empty() => {}
                Some(pick) if aliases.is_empty() => pick.aliases.clear(),
                Some(pick) => {
                    pick.aliases.extend(aliases);
                    pick.aliases.sort();
                    pick.aliases.dedup();
                }
            }
        }
    }
    Ok(all)
}

fn all_of(agent: &AgentId) -> Pick {
    Pick {
        agent: agent.clone(),
        aliases: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(texts: &[&str]) -> Result<Vec<String>, String> {
        let agents: Vec<AgentId> = ["Alice", "Bob", "a.b", "Alice2@lab"]
            .map(|it| it.parse().unwrap())
            .into();
        let aliases: Vec<Alias> = ["main", "in", "in.2"].map(|it| it.parse().unwrap()).into();
        let there: Vec<There<'_>> = agents
            .iter()
            .map(|agent| (agent, aliases.iter().collect()))
            .collect();
        let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
        let picks = pick_all(&texts, &there).map_err(str::to_owned)?;
        let shown = picks.into_iter().map(|Pick { agent, aliases }| {
            let aliases: Vec<&str> = aliases.iter().map(Alias::as_str).collect();
            format!("{agent}: {}", aliases.join(" "))
        });
        Ok(shown.collect())
    }

    #[test]
    fn a_text_means_agents_or_sockets() {
        for (texts, meant) in [
            (&["Alice"][..], &["Alice: "][..]),
            (&["Alice.main"], &["Alice: main"]),
            (&["Alice.*"], &["Alice: "]),
            (&["Ali*"], &["Alice: ", "Alice2@lab: "]),
            (
                &["*.in*"],
                &[
                    "Alice: in in.2",
                    "Bob: in in.2",
                    "a.b: in in.2",
                    "Alice2@lab: in in.2",
                ],
            ),
            (&["a.b"], &["a.b: "]),
            (&["a.b.in.2"], &["a.b: in.2"]),
            (&["Bob.in.2", "Bob.main"], &["Bob: in.2 main"]),
            (&["Bob.in", "Bob"], &["Bob: "]),
            (&["Bob", "Bob.in"], &["Bob: "]),
            (&["*lab.main"], &["Alice2@lab: main"]),
        ] {
            assert_eq!(picked(texts).unwrap(), meant, "{texts:?}");
        }
        for nothing in ["Carol", "Alice.out", "X*", "*.out", ""] {
            assert_eq!(picked(&["Bob", nothing]), Err(nothing.to_owned()));
        }
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name) in [
            ("*", ""),
            ("a*", "a"),
            ("*b*d", "abcd"),
            ("a*a", "aa"),
            ("**", "x"),
        ] {
            assert!(matches_name(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("a*a", "a"), ("*b*d", "abc"), ("a", "ab"), ("*x*", "ab")] {
            assert!(!matches_name(pattern, name), "{pattern} {name}");
        }
    }
}
