//! What the help shows.

/// Keys and what they do, as the help shows them.
pub(super) const HELP: &[(&str, &str)] = &[
    ("1 2 3 4  Tab", "systems, hosts, agents, wires"),
    ("Up Down  j k", "select; PgUp PgDn, Home End, too"),
    (
        "/",
        "show only names with this in them; with * the whole name",
    ),
    ("s  S", "sort by the next column; the other way round"),
    ("Enter", "details; of a system: look at it"),
    ("l", "log of the selected agent"),
    ("t", "messages as they pass at its sockets"),
    ("z", "the lower part has the whole screen, and back"),
    ("Esc", "close that, or show all names again"),
    ("r", "restart the selected agent"),
    ("x", "stop it: it stays down until it is started again"),
    ("q", "end"),
];
