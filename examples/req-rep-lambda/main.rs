//! A handler that is a closure.

use osb::kit::{Agent, spawn};
use osb::model::Kind;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _alice = spawn(|| {
        Agent::new(())
            .named("Alice")
            .on_init(|agent| {
                agent.bind(Kind::Rep, "ask")?;
                Ok(())
            })
            .handler("ask", |_, number: u32| Ok(format!("Received {number}")))
    })?;
    let bob = spawn(|| {
        Agent::new(())
            .named("Bob")
            .before_loop(|agent| {
                agent.connect("Alice.ask", "main")?;
                Ok(())
            })
            .method("ask", |agent, number: u32| {
                Ok(agent.request::<String>("main", number)?)
            })
    })?;
    let bob = bob.proxy()?;
    for number in 0..10 {
        println!("{}", bob.call("ask", number)?);
    }
    Ok(())
}
