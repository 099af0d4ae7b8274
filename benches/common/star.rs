//! A topology of any number of agents, in which all bind, and all but the first connect to the first.

use std::fmt::Write;

/// It begins with `head`. `place` gives what is said of an agent beside its socket: `host: lab1, `.
pub(crate) fn star(head: &str, count: usize, place: impl Fn(usize) -> String) -> String {
    let mut agents = format!("{head}agents:\n");
    let mut connections = String::new();
    for n in 0..count {
        let place = place(n);
        let _ = writeln!(agents, "  agent-{n}: {{ {place}bind: {{ main: PUSH }} }}");
        if n > 0 {
            let _ = writeln!(
                connections,
                "  - {{ agent: agent-{n}, to: agent-0.main, alias: inbox, handler: discard }}"
            );
        }
    }
    match count {
        0 | 1 => agents,
        _ => format!("{agents}connections:\n{connections}"),
    }
}
