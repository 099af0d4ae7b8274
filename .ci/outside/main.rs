//! A program outside osb's repository that uses what the library offers: it brings a system up whose agent it is itself, calls
//! that, listens to it, kills it, and takes the system down. `outside TOPOLOGY`

use std::process::{Command, ExitCode};
use std::time::Duration;

use osb::System;
use osb::kit::{Agent, Bytes, Context, Handle, Result};
use osb::model::State;
use osb::proxy::{Event, Fault, Notice, Proxy, ProxyError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(20);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Tick {
    symbol: String,
    cents: u32,
}

#[derive(Default)]
struct Desk {
    ticks: u32,
    children: Vec<Handle>,
}

fn main() -> ExitCode {
    match std::env::args().nth(1) {
        Some(topology) => match trade(&topology) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("outside: {error:#}");
                ExitCode::FAILURE
            }
        },
        None => desk().main(),
    }
}

/// The agent.
fn desk() -> Agent<Desk> {
    Agent::new(Desk::default())
        .named("Desk")
        .on_init(|agent| {
            agent.every_named("look", Duration::from_secs(60), |_| Ok(()))?;
            Ok(())
        })
        .handler("frames", |_, mut frame: Bytes| {
            frame.reverse();
            Ok(frame)
        })
        .method("tick", tick)
        .method("later", |agent, number: u32| {
            let (promise, remote) = (agent.promise()?, agent.remote());
            std::thread::spawn(move || {
                remote.run(move |agent| {
                    agent.set("later", number)?;
                    Ok(agent.keep(promise, number + 1)?)
                })
            });
            Ok(())
        })
        .method("double", |agent, number: u32| {
            let (promise, remote) = (agent.promise()?, agent.remote());
            std::thread::spawn(move || remote.keep(promise, 2 * number));
            Ok(())
        })
        .method("hire", |agent, name: String| {
            let child = agent.spawn(move || Agent::new(()).named(&name))?;
            agent.state.children.push(child);
            Ok(())
        })
}

fn tick(agent: &mut Context<Desk>, (symbol, cents): (String, u32)) -> Result<u32> {
    agent.state.ticks += 1;
    let topic = symbol.clone();
    agent.publish("ticks", &topic, Tick { symbol, cents })?;
    Ok(agent.state.ticks)
}

fn trade(topology: &str) -> Result<()> {
    without_a_network()?;
    let system = System::file(topology).up()?;
    let (ns, desk) = (system.nameserver(), system.proxy("Desk")?);
    desk.wait_for_running(TIMEOUT)?;

    let mut ticks = ns.subscribe::<Tick>("Desk.ticks", ["AB"])?;
    let mut watch = ns.watch();
    assert!(matches!(
        watch.next_timeout(TIMEOUT)?,
        Some(Notice::Snapshot(_))
    ));
    assert_eq!(desk.call_as::<u32>("tick", ("XY", 1))?, 1);
    assert_eq!(desk.call_as::<u32>("tick", ("AB", 2))?, 2);
    let tick = Tick {
        symbol: "AB".into(),
        cents: 2,
    };
    assert_eq!(ticks.next().transpose()?, Some(tick));
    drop(ticks);

    // A frame that is no text comes and goes as it is.
    let asker = system.proxy("Asker")?;
    let answer: Bytes = asker.send_recv_as("frames", Bytes::from(vec![0, 1, 255]))?;
    assert_eq!(answer, Bytes::from(vec![255, 1, 0]));

    assert_eq!(desk.call_as::<u32>("later", 7)?, 8);
    assert_eq!(desk.get_attr_as::<u32>("later")?, 7);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    assert_eq!(
        runtime.block_on(desk.begin().call_as::<u32>("double", 8))?,
        16
    );

    let unknown = desk.call("fly", Value::Null);
    assert!(
        matches!(&unknown, Err(ProxyError::Fault(Fault::UnknownMethod { known, .. }))
            if *known == ["double", "hire", "later", "tick"]),
        "{unknown:?}"
    );
    assert_eq!(desk.timers()?[0].alias.as_str(), "look");
    killed(&system, &desk)?;
    let told = |notice: &Notice| matches!(notice, Notice::Event(Event::Agent { agent, .. }) if agent.state == State::Failed);
    assert!(watch.iter().any(|notice| told(&notice)));
    // What the next life has made ends with it.
    system.nameserver().start_agents([desk.name().clone()], TIMEOUT)?;
    desk.call("hire", "Child")?;
    system.down()?;
    println!("a program outside brought a system up, worked with it, and took it down");
    Ok(())
}

/// The agent's process is killed: it is not "not to be started", and its child is not listed.
fn killed(system: &System, desk: &Proxy) -> Result<()> {
    let ns = system.nameserver();
    desk.call("hire", "Child")?;
    assert!(ns.proxy("Child")?.is_running()?);
    let pid = ns.agent_info(desk.name())?.pid.unwrap_or_default();
    Command::new("kill")
        .args(["-9", &pid.to_string()])
        .status()?;
    desk.wait_for_end(TIMEOUT)?;
    let failed = desk
        .wait_for_running(TIMEOUT)
        .map_err(|error| error.to_string());
    assert_eq!(failed, Err("Desk has failed: signal 9".to_owned()));
    assert!(!ns.agents()?.iter().any(|it| it.as_str() == "Child"));
    Ok(())
}

fn without_a_network() -> Result<()> {
    let mut desk = desk().test();
    desk.start()?;
    assert_eq!(desk.call("tick", ("AB", 3))?, 1);
    assert_eq!(desk.sent_by::<Tick>("ticks")?.len(), 1);
    assert_eq!(desk.call("later", 1)?, 2);
    assert_eq!(
        desk.message("frames", Bytes::from(vec![1, 2]))?,
        serde_json::to_value(Bytes::from(vec![2, 1]))?
    );
    assert_eq!(desk.attributes()["later"], 1);
    Ok(())
}
