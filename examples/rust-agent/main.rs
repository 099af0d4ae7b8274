//! An agent in Rust: it keeps the average of the prices it hears, and warns when one strays.

use osb::kit::{Agent, Context, Result};
use osb::model::NewAgent;
use serde::{Deserialize, Serialize};
use std::process::ExitCode;

#[derive(Deserialize)]
struct Price {
    symbol: String,
    cents: f64,
}

#[derive(Serialize)]
struct Warning {
    symbol: String,
    percent: f64,
}

#[derive(Default)]
struct Analyst {
    count: u32,
    average: f64,
}

fn main() -> ExitCode {
    Agent::new(Analyst::default())
        .named("Analyst")
        .on_start(|agent| {
            let limit: f64 = agent.get("limit")?;
            agent.log_info(format_args!("warning beyond {limit} %"));
            Ok(())
        })
        .handler("on_price", on_price)
        .handler("ask", |agent, symbol: String| match agent.state.count {
            0 => Err(anyhow::anyhow!("no price of {symbol} yet")),
            _ => Ok(agent.state.average),
        })
        .method("forget", |agent, (): ()| {
            agent.state = Analyst::default();
            Ok(())
        })
        .method("hire", |agent, name: String| {
            // Another agent on this machine, which shares the warnings with the Broker.
            let colleague = NewAgent::named(&name)?.connect("warnings", "Analyst.warnings")?;
            Ok(agent.spawn_agent(colleague)?)
        })
        .main()
}

fn on_price(agent: &mut Context<Analyst>, price: Price) -> Result<()> {
    let limit: f64 = agent.get("limit")?;
    let (count, average) = (agent.state.count, agent.state.average);
    let percent = 100.0 * (price.cents - average) / average;
    if count > 0 && percent.abs() > limit {
        let symbol = price.symbol;
        agent.send("warnings", Warning { symbol, percent })?;
    }
    agent.state.count = count + 1;
    agent.state.average += (price.cents - average) / f64::from(count + 1);
    agent.set("count", count + 1)?;
    Ok(())
}
