//! `osb top`: the system on a screen, as it is. What the screen shows is decided in `top`; here are the terminal, the questions
//! and the deeds.

mod attached;
mod deeds;
mod feed;
mod once;
mod screen;
mod systems;

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio::time::MissedTickBehavior;

use self::attached::Attached;
use self::feed::Feeding;
use self::screen::Screen;
use super::runtime::block_on;
use super::signals::Signals;
use super::timeout::TimeoutArgs;
use super::{CommandError, Context, ErrorKind, GlobalArgs, Session, complete};
use crate::model::SystemName;
use crate::render::Output;
use crate::top::{Change, Deed, Effect, Input, Look, Order, Top, View};

/// Watch systems, hosts, agents and wires on a screen; ? shows the keys
#[derive(Debug, clap::Args)]
pub struct TopArgs {
    /// Only those with this in their names; with * the whole name
    #[arg(value_name = "NAME", add = complete::agents())]
    pub name: Option<String>,
    /// What is looked at first
    #[arg(long, default_value = "agents", value_name = "VIEW", value_parser = view())]
    pub view: View,
    /// The column by which it is sorted, such as cpu% or in/s
    #[arg(long, value_name = "COLUMN")]
    pub sort: Option<String>,
    /// Print a table, and end
    #[arg(long)]
    pub once: bool,
    /// Select by mouse, too; the terminal's own selecting needs Shift then
    #[arg(long)]
    pub mouse: bool,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

fn view() -> impl TypedValueParser<Value = View> {
    let words = View::ALL.map(View::as_str);
    PossibleValuesParser::new(words).try_map(|it| it.parse::<View>())
}

impl TopArgs {
    fn order(&self) -> Result<Order, CommandError> {
        let Some(name) = &self.sort else {
            return Ok(Order::default());
        };
        let column = self.view.column(name).ok_or_else(|| {
            let known = self.view.columns().iter().map(|it| it.title.to_lowercase());
            let known: Vec<String> = known.collect();
            let sentence = format!("{} have no column {name:?}", self.view);
            let error = CommandError::say(ErrorKind::Usage, sentence);
            error.with_hint(format!("their columns are {}", known.join(", ")))
        })?;
        let reversed = false;
        Ok(Order { column, reversed })
    }
}

pub(crate) fn run(args: TopArgs, context: &mut Context) -> Result<(), CommandError> {
    let order = args.order()?;
    if args.once {
        return once::run(&args, order, context);
    }
    let is_screen = io::stdin().is_terminal() && io::stdout().is_terminal();
    if !is_screen || !matches!(context.output(), Output::Table | Output::Wide) {
        let sentence = "osb top is for a terminal";
        let error = CommandError::say(ErrorKind::Usage, sentence);
        return Err(error.with_hint("`osb top --once` prints a table, and with -o json all of it"));
    }
    let session = match context.session() {
        Ok(session) => Some(session),
        // One is chosen on the screen.
        Err(error) if error.code() == "several_systems" => None,
        Err(error) => return Err(error),
    };
    if let Some(session) = &session {
        session.warn(context);
    }
    let global = context.global.clone();
    block_on(LocalSet::new().run_until(async {
        let mut driver = Driver::new(&args, order, session, (global, look(context)))?;
        driver.run().await
    }))?
}

/// What the terminal can show, by what is said of it.
fn look(context: &Context) -> Look {
    let variables = ["LC_ALL", "LC_CTYPE", "LANG"];
    let mut told = variables.iter().filter_map(|it| std::env::var(it).ok());
    let locale = told.find(|it| !it.is_empty()).unwrap_or_default();
    let locale = locale.to_lowercase();
    Look {
        has_colour: context.style().color,
        is_utf8: locale.contains("utf-8") || locale.contains("utf8"),
    }
}

/// Something that is not told by the system that is looked at.
enum Heard {
    Input(Input),
    /// A system was dialled, at the user's word or because it was gone.
    Opened {
        system: Option<SystemName>,
        session: Result<Session, CommandError>,
        is_wanted: bool,
    },
}

type Hear = mpsc::UnboundedSender<Heard>;

/// So far apart are two pictures at least.
const FRAME: Duration = Duration::from_millis(30);
/// Numbers come one agent after the other: they are waited for so long.
const GATHERED: Duration = Duration::from_millis(150);

struct Driver {
    top: Top,
    attached: Attached,
    feeding: Option<Feeding>,
    screen: Screen,
    look: Look,
    /// Of the system that is looked at.
    global: GlobalArgs,
    limit: Duration,
    hear: Hear,
    heard: mpsc::UnboundedReceiver<Heard>,
    began: Instant,
    drawn: Instant,
    /// When the next picture is due.
    due: Option<Instant>,
    is_dialling: bool,
    /// For the systems of this machine.
    is_looking: Arc<AtomicBool>,
}

impl Driver {
    fn new(
        args: &TopArgs,
        order: Order,
        session: Option<Session>,
        (global, look): (GlobalArgs, Look),
    ) -> Result<Self, CommandError> {
        let (hear, heard) = mpsc::unbounded_channel();
        let attached = Attached::to(session);
        let screen = Screen::enter(args.mouse)?;
        let size = screen.size();
        let top = Top::new(attached.title(), attached.groups(), size);
        let filter = args.name.clone().unwrap_or_default();
        let top = match attached.groups().next() {
            Some(_) => top.starting_with(args.view, order, filter),
            None => top.starting_with(View::Systems, Order::default(), String::new()),
        };
        let now = Instant::now();
        Ok(Self {
            top,
            attached,
            feeding: None,
            screen,
            look,
            global,
            limit: args.timeout.limit(),
            hear,
            heard,
            began: now,
            drawn: now,
            due: None,
            is_dialling: false,
            is_looking: Arc::default(),
        })
    }

    /// Until the user, or a signal, ends it.
    async fn run(&mut self) -> Result<(), CommandError> {
        let mut keys = screen::keys()?;
        let mut signals = Signals::new()?;
        let mut resumed = screen::resumed()?;
        let mut ticks = tokio::time::interval(Top::TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.draw()?;
        loop {
            let due = self.due;
            let inputs = tokio::select! {
                biased;
                () = signals.next() => return Ok(()),
                key = keys.recv() => match key {
                    Some(input) => vec![input],
                    // The terminal is gone.
                    None => return Ok(()),
                },
                _ = resumed.recv() => {
                    self.screen.resume()?;
                    self.due = Some(Instant::now());
                    Vec::new()
                }
                input = self.attached.next() => vec![input],
                Some(heard) = self.heard.recv() => self.on_heard(heard),
                () = until(due) => {
                    self.draw()?;
                    Vec::new()
                }
                _ = ticks.tick() => {
                    self.on_tick();
                    vec![Input::Tick]
                }
            };
            for input in inputs {
                if self.take(input)? {
                    return Ok(());
                }
            }
            // What has come with it is in the same picture.
            while let Some(input) = self.attached.now() {
                if self.take(input)? {
                    return Ok(());
                }
            }
            self.see_to_the_picture();
        }
    }

    /// Whether it is the end.
    fn take(&mut self, input: Input) -> Result<bool, CommandError> {
        let now = self.began.elapsed();
        for effect in self.top.on(input, now) {
            if self.carry_out(effect)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn carry_out(&mut self, effect: Effect) -> Result<bool, CommandError> {
        match effect {
            Effect::Ask(agents) => self.attached.ask(agents),
            Effect::Systems => systems::look(self.hear.clone(), &self.is_looking),
            Effect::Feed(id, feed) => {
                // The former one ends.
                self.feeding = None;
                let at = (&self.attached, &self.global);
                self.feeding = Some(Feeding::begin(id, feed, at, self.hear.clone()));
            }
            Effect::EndFeed => self.feeding = None,
            Effect::Do(deed, agent) => self.carry_out_deed(deed, agent),
            Effect::Open(system) => self.open(Some(system)),
            Effect::Redraw => {
                self.screen.clear()?;
                self.due = Some(Instant::now());
            }
            Effect::Suspend => {
                self.screen.suspend()?;
                self.due = Some(Instant::now());
            }
            Effect::Quit => return Ok(true),
        }
        Ok(false)
    }

    fn carry_out_deed(&self, deed: Deed, agent: crate::model::AgentId) {
        let proxy = self.attached.proxy(&agent, self.limit);
        deeds::carry_out(deed, agent, proxy, self.limit, self.hear.clone());
    }

    fn on_heard(&mut self, heard: Heard) -> Vec<Input> {
        let (system, session, is_wanted) = match heard {
            Heard::Input(input) => return vec![input],
            Heard::Opened {
                system,
                session,
                is_wanted,
            } => (system, session, is_wanted),
        };
        self.is_dialling = false;
        match session {
            Ok(session) if is_wanted || self.attached.is_elsewhere(&session) => {
                self.feeding = None;
                if let Some(system) = system {
                    (self.global.system, self.global.ns) = (Some(system), None);
                }
                self.attached = Attached::to(Some(session));
                vec![Input::Opened {
                    title: self.attached.title(),
                    groups: self.attached.groups().collect(),
                }]
            }
            Err(error) if is_wanted => vec![Input::Said(error.message())],
            // It is dialled again later.
            Ok(_) | Err(_) => Vec::new(),
        }
    }

    /// Name servers are asked whether they are there. Those of a system that is gone may be elsewhere by now.
    fn on_tick(&mut self) {
        self.attached.look();
        if self.attached.is_incomplete(self.top.known()) && !self.is_dialling {
            self.open(None);
        }
    }

    /// Dials a system, or the same again.
    fn open(&mut self, system: Option<SystemName>) {
        let mut global = self.global.clone();
        let is_wanted = system.is_some();
        if let Some(system) = &system {
            (global.system, global.ns) = (Some(system.clone()), None);
        }
        self.is_dialling = true;
        let hear = self.hear.clone();
        tokio::task::spawn_blocking(move || {
            let session = Session::open(&global);
            // Nobody listens any more: it has ended.
            let _ = hear.send(Heard::Opened {
                system,
                session,
                is_wanted,
            });
        });
    }

    fn see_to_the_picture(&mut self) {
        let now = Instant::now();
        let due = match self.top.take_change() {
            Change::None => return,
            Change::Numbers => now + GATHERED,
            Change::Now => now.max(self.drawn + FRAME),
        };
        self.due = Some(self.due.map_or(due, |it| it.min(due)));
    }

    fn draw(&mut self) -> Result<(), CommandError> {
        self.due = None;
        let (now, look) = (self.began.elapsed(), self.look);
        self.screen
            .draw(|frame| crate::top::draw(frame, &mut self.top, look, now))?;
        self.drawn = Instant::now();
        Ok(())
    }
}

/// Never, if nothing is due.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
