//! `osb rate`: how much goes through sockets, looked at again and again.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use super::signals::on_signal;
use super::tap::picked;
use super::timeout::TimeoutArgs;
use super::{CommandError, Context, Session, complete};
use crate::model::{AgentId, Alias, Millis, Traffic};
use crate::render::{Listed, Output, RateRow, Report, SocketRates};
use crate::wire::{AgentRequest, Rates, SocketRate};

/// Show how much goes through sockets: messages a second, sizes, jitter, queues, losses
#[derive(Debug, clap::Args)]
pub struct RateArgs {
    /// Sockets, such as Alice.main, or agents; * stands for anything [default: all]
    #[arg(value_name = "AGENT[.ALIAS]", add = complete::sockets())]
    pub sockets: Vec<String>,
    /// Those through which nothing goes, too
    #[arg(short, long)]
    pub all: bool,
    /// Look once, and end
    #[arg(long)]
    pub once: bool,
    /// For how long each look counts
    #[arg(short, long, default_value = "1s", value_name = "TIME")]
    pub interval: Millis,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

pub(crate) fn run(args: RateArgs, context: &mut Context) -> Result<(), CommandError> {
    let session = context.session()?;
    session.warn(context);
    let (stop, stopped) = channel();
    on_signal(move || {
        // Nobody listens any more: it has ended by itself.
        let _ = stop.send(());
    })?;
    let mut rate = Rate {
        session: &session,
        context,
        args: &args,
        last: BTreeMap::new(),
        silent: Vec::new(),
        shown: 0,
    };
    rate.look()?;
    while !waits(&stopped, args.interval.duration()) {
        let rows = rate.look()?;
        rate.show(rows)?;
        if args.once {
            return Ok(());
        }
    }
    Ok(())
}

/// Whether it is to end now.
fn waits(stopped: &Receiver<()>, interval: Duration) -> bool {
    !matches!(
        stopped.recv_timeout(interval),
        Err(RecvTimeoutError::Timeout)
    )
}

struct Rate<'a> {
    session: &'a Session,
    context: &'a Context,
    args: &'a RateArgs,
    /// What each agent told last.
    last: BTreeMap<AgentId, Rates>,
    /// Those that do not tell, which is said once.
    silent: Vec<AgentId>,
    /// How many lines are on the terminal, to be written over.
    shown: usize,
}

impl Rate<'_> {
    /// Asks all agents that are meant, also those that have come. Tells what went through since they were asked last.
    fn look(&mut self) -> Result<Vec<RateRow>, CommandError> {
        let mut rows = Vec::new();
        let asked: Vec<_> = self
            .meant()?
            .into_iter()
            .map(|(agent, aliases)| {
                let limit = self.args.timeout.limit();
                let proxy = self.session.proxy_of(&agent, limit)?;
                let answer = proxy.ask::<Rates>(&AgentRequest::Rate {});
                Ok((agent.id, aliases, proxy, answer))
            })
            .collect::<Result<_, CommandError>>()?;
        for (agent, aliases, proxy, answer) in asked {
            match answer.wait() {
                Ok(now) => rows.extend(self.compare(agent, &aliases, now)),
                Err(error) => self.on_silent(agent, &proxy.standing(error).to_string()),
            }
        }
        Ok(rows)
    }

    /// The agents that are meant, each with its sockets: none are all.
    fn meant(&self) -> Result<Vec<(Listed, Vec<Alias>)>, CommandError> {
        let mut there = self.session.listed(self.context)?;
        if !self.args.sockets.is_empty() {
            return picked(&self.args.sockets, there);
        }
        there.retain(|it| !it.info.state.ended());
        Ok(there.into_iter().map(|it| (it, Vec::new())).collect())
    }

    fn on_silent(&mut self, agent: AgentId, why: &str) {
        self.last.remove(&agent);
        if !self.silent.contains(&agent) {
            self.context.note(&format!("{agent} does not tell: {why}"));
            self.silent.push(agent);
        }
    }

    fn compare(&mut self, agent: AgentId, aliases: &[Alias], now: Rates) -> Vec<RateRow> {
        self.silent.retain(|it| *it != agent);
        let before = self.last.get(&agent);
        // In another life, or after a pause, it has begun anew.
        let before = before.filter(|it| it.since_us == now.since_us && it.at_us <= now.at_us);
        let since = before.map_or(now.since_us, |it| it.at_us);
        let interval = Duration::from_micros(now.at_us.saturating_sub(since));
        let is_meant = |alias: &&Alias| aliases.is_empty() || aliases.contains(alias);
        let sockets = now.sockets.iter().filter(|(alias, _)| is_meant(alias));
        let rows = sockets.map(|(alias, socket)| {
            let earlier = before.and_then(|it| it.sockets.get(alias));
            row(&agent, alias, interval, socket, earlier)
        });
        let rows = rows.collect();
        self.last.insert(agent, now);
        rows
    }

    fn show(&mut self, mut rows: Vec<RateRow>) -> Result<(), CommandError> {
        if !self.args.all {
            rows.retain(|it| !it.is_still());
        }
        rows.sort_by(|one, other| (&one.agent, &one.alias).cmp(&(&other.agent, &other.alias)));
        let height = self.context.height().filter(|_| !self.args.once);
        let mut rates = SocketRates { rows, room: None };
        let (Some(height), Output::Table) = (height, self.context.output()) else {
            return self.context.print(&rates);
        };
        // The head, the line that says what has no room, and the cursor's.
        rates.room = Some(height.saturating_sub(3).max(1));
        let table = match rates.rows.is_empty() {
            true => "nothing goes through any socket".to_owned(),
            false => rates.table(self.context.style()),
        };
        self.shown = self.context.print_over(self.shown, &table)?;
        Ok(())
    }
}

fn row(
    agent: &AgentId,
    alias: &Alias,
    interval: Duration,
    now: &SocketRate,
    before: Option<&SocketRate>,
) -> RateRow {
    let since = |now: &Traffic, before: Option<&Traffic>| match before {
        Some(before) => now.since(before),
        None => now.clone(),
    };
    let lost = |it: &SocketRate| it.stats.dropped + it.stats.garbled;
    RateRow {
        agent: agent.clone(),
        alias: alias.clone(),
        kind: now.kind,
        interval,
        received: since(&now.received, before.map(|it| &it.received)),
        sent: since(&now.sent, before.map(|it| &it.sent)),
        queued: now.queued + now.stats.waiting,
        // What was lost before it was looked at is in the totals.
        lost: before.map_or(0, |before| lost(now).saturating_sub(lost(before))),
        stats: now.stats,
    }
}
