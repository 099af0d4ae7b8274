//! `osb host`: the host daemon. `up` launches it.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::pin::pin;

use super::launched::{LaunchArgs, Launched};
use super::runtime::block_on;
use super::{CommandError, Context, ErrorKind};
use crate::host::{self, HostError, HostOptions};
use crate::model::{HostName, NameServerName};
use crate::state::SystemDir;

/// Run a host daemon (started by `up`)
#[derive(Debug, clap::Args)]
pub struct HostArgs {
    /// The name of this machine in the topology
    #[arg(long, default_value = "local")]
    pub name: HostName,
    /// The name server's name within the system, if it is not the first
    #[arg(long, value_name = "NAME")]
    pub group: Option<NameServerName>,
    /// What peers dial to reach this machine
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub advertise: IpAddr,
    #[command(flatten)]
    pub launch: LaunchArgs,
}

pub fn run(args: HostArgs, context: &mut Context) -> Result<(), CommandError> {
    let options = options(&args, context)?;
    let launched = Launched::new(args.launch)?;
    let outcome = block_on(serve(options, &launched))?;
    // Also after a failure: nobody else is left to do it.
    launched.clear_up()?;
    Ok(outcome?)
}

fn options(args: &HostArgs, context: &Context) -> Result<HostOptions, CommandError> {
    let missing = |option| CommandError::say(ErrorKind::Usage, format!("{option} is missing"));
    let dir: PathBuf = args.launch.dir.clone().ok_or_else(|| missing("--dir"))?;
    Ok(HostOptions {
        name: args.name.clone(),
        nameserver: context.global.ns.clone().ok_or_else(|| missing("--ns"))?,
        group: args.group.clone(),
        dir: SystemDir::at(dir),
        advertise: args.advertise,
    })
}

/// The daemon takes care of SIGTERM from its first step on, so the tether is held only then.
async fn serve(options: HostOptions, launched: &Launched) -> Result<(), HostError> {
    let mut running = pin!(host::run(options));
    tokio::select! {
        biased;
        outcome = &mut running => return outcome,
        () = std::future::ready(()) => launched.hold_tether(),
    }
    running.await
}
