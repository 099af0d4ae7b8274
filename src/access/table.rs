//! What each level may ask for: one table, in which every request that there is has to stand. What
//! is not allowed here is refused.
//!
//! Requests to the name server are checked there, those to daemons and agents where they arrive: by
//! the level that only the name server writes into the header.

use crate::model::Access;
use crate::wire::{AgentRequest, Fault, HostRequest, NameServerRequest};

/// A set of levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels(u8);

impl Levels {
    const fn of(levels: &[Access]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < levels.len() {
            bits |= 1 << levels[at] as u8;
            at += 1;
        }
        Self(bits)
    }

    pub fn contains(self, level: Access) -> bool {
        self.0 & 1 << level as u8 != 0
    }
}

use Access::{Admin, Agent, Control, Host, Join, Read, Tap};

const MEMBERS: Levels = Levels::of(&[Read, Tap, Agent, Host, Control, Admin]);
const OPERATORS: Levels = Levels::of(&[Read, Tap, Control, Admin]);
const TAPPERS: Levels = Levels::of(&[Tap, Control, Admin]);
const CONTROL: Levels = Levels::of(&[Control, Admin]);
const ADMIN: Levels = Levels::of(&[Admin]);

/// A request whose requester has to have a certain level.
pub trait Asked {
    /// Its name, as on the wire.
    fn verb(&self) -> &'static str;

    /// The levels that may ask for it.
    fn levels(&self) -> Levels;

    /// Refuses it if `level` may not ask for it.
    fn permitted_to(&self, level: Access) -> Result<(), Fault> {
        match self.levels().contains(level) {
            true => Ok(()),
            false => Err(Fault::NotPermitted {
                verb: self.verb().to_owned(),
                level,
            }),
        }
    }
}

/// Writes the table, row by row, and with it the names of the verbs.
macro_rules! table {
    ($type:ident { $($variant:ident $verb:literal $levels:expr),* $(,)? }) => {
        impl Asked for $type {
            fn verb(&self) -> &'static str {
                match self { $($type::$variant { .. } => $verb),* }
            }

            fn levels(&self) -> Levels {
                match self { $($type::$variant { .. } => $levels),* }
            }
        }

        impl $type {
            /// Every verb with the levels that may use it.
            pub(crate) const TABLE: &[(&str, Levels)] = &[$(($verb, $levels)),*];
        }
    };
}

table!(NameServerRequest {
    // Of its own name only, which its key says.
    Announce "announce" Levels::of(&[Agent, Host]),
    Heartbeat "heartbeat" MEMBERS,
    Leave "leave" MEMBERS,
    Addr "addr" MEMBERS,
    Agents "agents" MEMBERS,
    Hosts "hosts" MEMBERS,
    Watch "watch" MEMBERS,
    // Of its own agents only.
    Exited "exited" Levels::of(&[Host]),
    Entrust "entrust" CONTROL,
    Follow "follow" Levels::of(&[Host]),
    // A host its own agents only.
    Forget "forget" Levels::of(&[Host, Control, Admin]),
    Successors "successors" OPERATORS,
    TakeOver "take_over" CONTROL,
    Ping "ping" MEMBERS,
    Shutdown "shutdown" CONTROL,
    // A host for its agents, control for hosts and agents, admin for all.
    Admit "admit" Levels::of(&[Host, Control, Admin]),
    // And nothing else: the key that a joining member has drawn is good for the rest.
    Join "join" Levels::of(&[Join]),
    Whose "whose" Levels::of(&[Agent, Host, Control, Admin]),
    Keys "keys" ADMIN,
    Revoke "revoke" ADMIN,
    Rotate "rotate" ADMIN,
    // If an admin has asked for it.
    Renew "renew" Levels::of(&[Host]),
    RotateNameserver "rotate_nameserver" ADMIN,
    Expiring "expiring" OPERATORS,
    Journal "journal" ADMIN,
    // Of itself; a host of its agents too.
    Happened "happened" Levels::of(&[Agent, Host]),
    // What operators do, and who is let in, admins only.
    Events "events" OPERATORS,
});

table!(HostRequest {
    Start "start" CONTROL,
    // An agent at the host that has started it, which runs what the agent could run itself.
    Spawn "spawn" Levels::of(&[Agent, Control, Admin]),
    Remove "remove" Levels::of(&[Agent, Control, Admin]),
    Lead "lead" CONTROL,
    Launch "launch" CONTROL,
    Keep "keep" CONTROL,
    Restart "restart" CONTROL,
    // Of itself only, which the name server says.
    ProgramEnded "program_ended" Levels::of(&[Agent, Control, Admin]),
    Attach "attach" CONTROL,
    Alter "alter" CONTROL,
    Forget "forget" CONTROL,
    Stop "stop" CONTROL,
    Ties "ties" CONTROL,
    Agents "agents" OPERATORS,
    Attributes "attributes" CONTROL,
    Leftovers "leftovers" OPERATORS,
    Facts "facts" OPERATORS,
    Logs "logs" OPERATORS,
    // It binds ports, and dials whomever it is told to.
    Examine "examine" CONTROL,
    Dial "dial" CONTROL,
    EndExamination "end_examination" CONTROL,
    Shutdown "shutdown" CONTROL,
});

table!(AgentRequest {
    Addr "addr" MEMBERS,
    Bind "bind" CONTROL,
    Connect "connect" CONTROL,
    ConnectTo "connect_to" CONTROL,
    Admit "admit" CONTROL,
    Dismiss "dismiss" CONTROL,
    Sockets "sockets" OPERATORS,
    Close "close" CONTROL,
    CloseAll "close_all" CONTROL,
    Subscribe "subscribe" CONTROL,
    Unsubscribe "unsubscribe" CONTROL,
    // A host for its own agents, and those that were entrusted to it.
    Configure "configure" Levels::of(&[Host, Control, Admin]),
    Alter "alter" Levels::of(&[Host, Control, Admin]),
    Wire "wire" CONTROL,
    // By these an agent shows that it is connected to another.
    Probe "probe" Levels::of(&[Agent, Control, Admin]),
    Prove "prove" Levels::of(&[Agent, Control, Admin]),
    Unprobe "unprobe" Levels::of(&[Agent, Control, Admin]),
    // By these both ends of a connection lay side by side what they have counted.
    Confirm "confirm" Levels::of(&[Agent, Control, Admin]),
    Arrived "arrived" Levels::of(&[Agent, Control, Admin]),
    // By these one of the ends leaves the other without a loss.
    LeaveOut "leave_out" Levels::of(&[Agent, Control, Admin]),
    Left "left" Levels::of(&[Agent, Control, Admin]),
    Drain "drain" CONTROL,
    Resume "resume" CONTROL,
    Adopt "adopt" Levels::of(&[Host, Control, Admin]),
    Release "release" CONTROL,
    Lead "lead" Levels::of(&[Host, Control, Admin]),
    Launch "launch" Levels::of(&[Host, Control, Admin]),
    GetAttr "get_attr" CONTROL,
    SetAttr "set_attr" CONTROL,
    Attributes "attributes" CONTROL,
    FollowAttributes "follow_attributes" CONTROL,
    Send "send" CONTROL,
    Ask "ask" CONTROL,
    SendRecv "send_recv" CONTROL,
    Wait "wait" CONTROL,
    Call "call" CONTROL,
    Timer "timer" CONTROL,
    Timers "timers" OPERATORS,
    StopTimer "stop_timer" CONTROL,
    StopTimers "stop_timers" CONTROL,
    IsRunning "is_running" MEMBERS,
    Status "status" OPERATORS,
    // What is in messages is not for all who may look.
    Tap "tap" TAPPERS,
    KeepTap "keep_tap" TAPPERS,
    Tapped "tapped" TAPPERS,
    Untap "untap" TAPPERS,
    Rate "rate" OPERATORS,
    Log "log" CONTROL,
    Quiet "quiet" CONTROL,
    // A host for its own agents, which they see to.
    Shutdown "shutdown" Levels::of(&[Host, Control, Admin]),
});

#[cfg(test)]
mod tests {
    use super::*;

    /// Every row stands in specs/security.md, and nothing else does.
    #[test]
    fn the_specification_has_this_table() {
        let rows = |of: &str, table: &[(&str, Levels)]| {
            let row = |(verb, levels): &(&str, Levels)| {
                let may = |level: Access| if levels.contains(level) { "x" } else { "" };
                format!("| {of} | `{verb}` | {} |", Access::ALL.map(may).join(" | "))
            };
            table.iter().map(row).collect::<Vec<_>>()
        };
        let rows = [
            rows("the name server", NameServerRequest::TABLE),
            rows("a host daemon", HostRequest::TABLE),
            rows("an agent", AgentRequest::TABLE),
        ]
        .concat();
        let page = include_str!("../../specs/security.md").lines();
        let page: Vec<&str> = page
            .filter(|line| line.matches('|').count() == 10)
            .collect();
        // But for its head.
        assert_eq!(page[2..], rows);
    }

    /// The names in the first column of the tables in a section of specs/protocol.md.
    fn specified(sections: &[&str]) -> Vec<&'static str> {
        let page = include_str!("../../specs/protocol.md");
        let tables = sections.iter().flat_map(|title| {
            let section = page
                .split(title)
                .nth(1)
                .unwrap_or_else(|| panic!("no {title}"));
            let section = section.split("\n## ").next().unwrap_or_default();
            // A section may have further tables, of other things.
            let rows = section
                .lines()
                .skip_while(|line| !line.starts_with("| method"));
            rows.skip(2).take_while(|line| line.starts_with('|'))
        });
        let names = tables.flat_map(|row| {
            let cell = row.split('|').nth(1).unwrap_or_default();
            cell.split('`').skip(1).step_by(2)
        });
        let mut names: Vec<&str> = names.collect();
        names.sort_unstable();
        names
    }

    /// Each verb stands in specs/protocol.md, and nothing else does.
    #[test]
    fn the_protocol_has_these_verbs() {
        let nameserver = ["\n## Membership\n", "\n## Asking the name server\n"];
        for (sections, table) in [
            (&nameserver[..], NameServerRequest::TABLE),
            (&["\n## Asking a host daemon "], HostRequest::TABLE),
            (&["\n## Asking an agent\n"], AgentRequest::TABLE),
        ] {
            let mut verbs: Vec<&str> = table.iter().map(|row| row.0).collect();
            verbs.sort_unstable();
            assert_eq!(specified(sections), verbs, "{sections:?}");
        }
    }

    #[test]
    fn a_join_file_is_for_joining_and_nothing_else() {
        let all = [
            NameServerRequest::TABLE,
            HostRequest::TABLE,
            AgentRequest::TABLE,
        ]
        .concat();
        let may = all.iter().filter(|row| row.1.contains(Join));
        assert_eq!(may.map(|row| row.0).collect::<Vec<_>>(), ["join"]);
    }

    /// A member that may only read changes nothing.
    #[test]
    fn to_read_is_no_more_than_to_read() {
        let read_by = |table: &[(&'static str, Levels)]| {
            let mut verbs: Vec<_> = table.iter().filter(|row| row.1.contains(Read)).collect();
            verbs.sort_by_key(|row| row.0);
            verbs.into_iter().map(|row| row.0).collect::<Vec<_>>()
        };
        let nameserver = [
            "addr",
            "agents",
            "events",
            "expiring",
            "heartbeat",
            "hosts",
            "leave",
            "ping",
            "successors",
            "watch",
        ];
        assert_eq!(read_by(NameServerRequest::TABLE), nameserver);
        assert_eq!(
            read_by(HostRequest::TABLE),
            ["agents", "facts", "leftovers", "logs"]
        );
        let agent = ["addr", "is_running", "rate", "sockets", "status", "timers"];
        assert_eq!(read_by(AgentRequest::TABLE), agent);
        let tap = AgentRequest::TABLE.iter().filter(|row| row.1.contains(Tap));
        let more = tap.filter(|row| !row.1.contains(Read)).map(|row| row.0);
        assert_eq!(
            more.collect::<Vec<_>>(),
            ["tap", "keep_tap", "tapped", "untap"]
        );
    }

    #[test]
    fn a_member_that_may_not_is_told_what_and_why() {
        let fault = HostRequest::Facts {}.permitted_to(Agent).unwrap_err();
        let told = Fault::NotPermitted {
            verb: "facts".into(),
            level: Agent,
        };
        assert_eq!(fault, told);
        assert_eq!(HostRequest::Facts {}.permitted_to(Read), Ok(()));
    }
}
