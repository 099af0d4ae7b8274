//! Everything from one program, as in osBrain: finds the name server, starts agents on the host, and
//! uses one through its proxy.

use std::env;

use osb::proxy::NameServer;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ns = NameServer::connect(&env::var("OSB_NAMESERVER")?)?;
    let host = "local".parse()?;
    for name in ["Agent0", "Agent1", "Agent2"] {
        ns.run_agent(&host, name, None)?;
    }
    let agent = ns.proxy("Agent1")?;
    agent.log_info("Hello world!")?;
    println!("{} agents", ns.agents()?.len());
    Ok(())
}
