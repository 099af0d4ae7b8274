//! Who sends what was recorded: for each agent one who stands in for it, or one who sends to a socket.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::gate::Gate;
use super::stand_in::{Place, StandIn, Told};
use super::{ReplayArgs, wired};
use crate::cli::{CommandError, Context, ErrorKind, Session};
use crate::model::{
    Address, AgentId, AgentName, Alias, NameError, NameServerName, Role, SocketId, Target,
};
use crate::proxy::ProxyError;
use crate::record::{Lane, Line, Part, PartSocket};
use crate::render::Listed;
use crate::wire::{NameServerRequest, TappedSocket};

/// How the one is called who sends to one socket.
const SENDER: &str = "replay";
/// How long wires may take to be there before it begins.
const WIRED: Duration = Duration::from_secs(5);

/// Who sends: for each agent, or all in one.
pub(super) enum Cast {
    Parts(BTreeMap<AgentId, StandIn>),
    /// By that socket of its own.
    One(StandIn, Alias),
}

impl Cast {
    /// One for each agent, with the wires of the others to it.
    pub(super) fn of_parts(
        args: &ReplayArgs,
        (session, context): (&Session, &Context),
        parts: Vec<Part>,
        gate: &Arc<Gate>,
    ) -> Result<Cast, CommandError> {
        let listed = session.listed(context)?;
        let lives = |agent: &AgentId| {
            let mut living = listed.iter().filter(|it| !it.info.state.ended());
            living.any(|it| it.id == *agent)
        };
        if let Some(part) = parts.iter().find(|it| lives(&it.agent)) {
            return Err(is_there(&part.agent));
        }
        let mut cast = BTreeMap::new();
        for Part { agent, sockets } in parts {
            let place = place(args, (session, context), &agent)?;
            let (can, cannot): (Vec<_>, Vec<_>) = sockets
                .into_iter()
                .partition(|it| it.socket.kind.binds() || !it.to.is_empty());
            for PartSocket { socket, .. } in cannot {
                let (kind, alias) = (socket.kind.with_article(), socket.alias);
                context.note(&format!("{agent}.{alias} is not there: {kind} connects, and the recording does not say to what"));
            }
            let stand_in = StandIn::begin(place, can, Arc::clone(gate))?;
            cast.insert(agent, stand_in);
        }
        let names: Vec<AgentName> = cast.keys().map(|it| it.name.clone()).collect();
        for wire in wired::wait(session, &names, WIRED)? {
            context.note(&format!("{wire} is not there yet"));
        }
        Ok(Cast::Parts(cast))
    }

    /// One who sends to that socket: it connects to it, or is connected to.
    pub(super) fn to(
        args: &ReplayArgs,
        (session, context): (&Session, &Context),
        to: &str,
        gate: &Arc<Gate>,
    ) -> Result<Cast, CommandError> {
        let (target, address, nameserver) = socket(session, context, to)?;
        let kind = address.kind.twin();
        if !kind.sends() {
            let sentence = format!(
                "{to} is {}, to which nobody sends of their own accord",
                address.kind.with_article()
            );
            return Err(CommandError::say(ErrorKind::Usage, sentence).with_code("wrong_kind"));
        }
        let sender = AgentId {
            name: SENDER.parse().map_err(bad_name)?,
            nameserver,
        };
        let place = place(args, (session, context), &sender)?;
        // No other socket is wired to one of that name, which may have been there before.
        let alias: Alias = target.to_string().parse().map_err(bad_name)?;
        let out = |to| PartSocket {
            socket: TappedSocket {
                alias: alias.clone(),
                kind,
                serializer: address.serializer,
            },
            to,
        };
        if address.role == Role::Server {
            let one = StandIn::begin(place, vec![out(vec![target])], Arc::clone(gate))?;
            return Ok(Cast::One(one, alias));
        }
        let one = StandIn::begin(place, vec![out(Vec::new())], Arc::clone(gate))?;
        let proxy = session.proxy(&target.agent.to_string(), args.timeout.limit())?;
        let from = Target {
            agent: sender.name,
            alias: alias.clone(),
        };
        session.tell(proxy.connect_to(&from, target.alias.as_str(), None))?;
        context.note(&format!("{target} stays wired to {from} until it is closed or restarted: it is a socket that connects"));
        Ok(Cast::One(one, alias))
    }

    /// False if all is to stop.
    pub(super) fn say(&self, lane: &Lane, line: Line, due: Option<Instant>) -> bool {
        match self {
            Cast::Parts(parts) => parts.get(&lane.agent).is_none_or(|it| it.say(line, due)),
            Cast::One(one, alias) => {
                let alias = alias.clone();
                one.say(Line { alias, ..line }, due)
            }
        }
    }

    /// Waits until all has left. Of one who sends to a socket, nothing is remembered.
    pub(super) fn end(self, session: &Session) -> Told {
        let sender = match &self {
            Cast::Parts(_) => None,
            Cast::One(one, _) => Some(one.name().clone()),
        };
        let told = self.finish();
        if let Some(sender) = sender {
            let forget = NameServerRequest::Forget {
                agents: vec![sender],
            };
            // Where it is not known, or may not be forgotten, nothing is lost.
            for (_, _answer) in session.ask_all::<()>(&forget) {}
        }
        told
    }

    fn finish(self) -> Told {
        let all: Vec<StandIn> = match self {
            Cast::Parts(parts) => parts.into_values().collect(),
            Cast::One(one, _) => vec![one],
        };
        let mut sum = Told::default();
        for told in all.into_iter().map(StandIn::end) {
            sum.late.add(&told.late);
            sum.failed += told.failed;
            sum.unsent += told.unsent;
            sum.why = sum.why.or(told.why);
        }
        sum
    }
}

/// A socket, and at which name server its agent is.
type Socket = (Target, Address, Option<NameServerName>);

/// The socket that a text names.
fn socket(session: &Session, context: &Context, text: &str) -> Result<Socket, CommandError> {
    let agents = session.listed(context)?;
    let found = SocketId::readings(text).find_map(|id| {
        let is_it = |it: &&Listed| it.id == id.agent && !it.info.state.ended();
        let agent = agents.iter().find(is_it)?;
        let address = agent.info.addresses.get(&id.alias)?.clone();
        let target = Target {
            agent: agent.info.name.clone(),
            alias: id.alias,
        };
        Some((target, address, agent.group.clone()))
    });
    found.ok_or_else(|| {
        CommandError::say(ErrorKind::Failed, format!("no socket is called {text}"))
            .with_code("unknown_socket")
            .with_hint("`osb ls addresses` shows those there are")
    })
}

fn place(
    args: &ReplayArgs,
    (session, context): (&Session, &Context),
    agent: &AgentId,
) -> Result<Place, CommandError> {
    let group = match &agent.nameserver {
        Some(name) if session.has_several() => session.group(name)?,
        _ => session.first(),
    };
    Ok(Place {
        name: agent.name.to_string(),
        nameserver: group.nameserver.link().address().to_owned(),
        key: context.global.key.clone(),
        advertise: args.advertise,
    })
}

fn is_there(agent: &AgentId) -> CommandError {
    let sentence = format!("{agent} runs: nobody can stand in for it");
    CommandError::say(ErrorKind::Failed, sentence)
        .with_code("name_taken")
        .with_hint(format!("`osb stop {agent}` ends it; --as says who is stood in for, --to sends to a socket instead"))
}

fn bad_name(error: NameError) -> CommandError {
    ProxyError::Name(SENDER.to_owned(), error).into()
}
