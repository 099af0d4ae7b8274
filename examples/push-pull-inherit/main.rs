//! Two agents with code of their own, in one program: what osBrain does by classes that inherit.

use osb::kit::{Agent, spawn};

fn greeter() -> Agent<u32> {
    Agent::new(0)
        .named("Alice")
        .on_init(|agent| {
            agent.bind(osb::model::Kind::Push, "main")?;
            Ok(())
        })
        .method("hello", |agent, name: String| {
            agent.state += 1;
            agent.send("main", format!("Hello, {name}!"))?;
            Ok(agent.state)
        })
}

fn bob() -> Agent<u32> {
    Agent::new(0)
        .named("Bob")
        .before_loop(|agent| {
            let custom_log = "call:custom_log".parse()?;
            let handlers = osb::model::Handlers::one(custom_log);
            agent.connect_to(&"Alice.main".parse()?, "main", Some(handlers))?;
            Ok(())
        })
        .handler("custom_log", |agent, message: String| {
            agent.log_info(format_args!("Received: {message}"));
            agent.state += 1;
            Ok(())
        })
        .method("heard", |agent, (): ()| Ok(agent.state))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let alice = spawn(greeter)?;
    let bob = spawn(bob)?;
    let (greeter, hearer) = (alice.proxy()?, bob.proxy()?);
    // His methods are called when he has connected: one thing at a time.
    let mut heard = hearer.call("heard", ())?;
    for _ in 0..3 {
        greeter.call("hello", "Bob")?;
    }
    while heard != 3 {
        heard = hearer.call("heard", ())?;
    }
    println!("Bob has heard {heard} greetings");
    alice.shutdown()?;
    bob.shutdown()?;
    Ok(())
}
