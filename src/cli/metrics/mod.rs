//! `osb metrics`: what is known of a system, for Prometheus.

mod look;
mod server;

use std::net::SocketAddr;

use super::runtime::block_on;
use super::signals::Signals;
use super::{CommandError, Context};
use crate::metrics::page;
use look::Look;
use server::serve;

/// Serve metrics for Prometheus at /metrics, until Ctrl-C
#[derive(Debug, clap::Args)]
pub struct MetricsArgs {
    /// Where to listen; port 0 takes any free one
    #[arg(long, default_value = "127.0.0.1:9464", value_name = "IP:PORT")]
    pub bind: SocketAddr,
    /// Print the page once, and end
    #[arg(long)]
    pub once: bool,
}

pub(crate) fn run(args: MetricsArgs, context: &mut Context) -> Result<(), CommandError> {
    let session = context.session()?.until_the_end();
    session.warn(context);
    if args.once {
        let known = block_on(async { Look::new(session).now().await })?;
        return context.print_text(&page(&known));
    }
    if !args.bind.ip().is_loopback() {
        context.note(&format!(
            "warning: whoever reaches {} may read these metrics: there is no password",
            args.bind
        ));
    }
    block_on(async {
        let mut signals = Signals::new()?;
        let serve = serve(args.bind, Look::new(session), |at| {
            context.note(&format!("http://{at}/metrics"));
        });
        tokio::select! {
            biased;
            () = signals.next() => Ok(()),
            served = serve => served.map_err(|error| cannot_listen(args.bind, error)),
        }
    })?
}

fn cannot_listen(at: SocketAddr, error: std::io::Error) -> CommandError {
    let is_taken = error.kind() == std::io::ErrorKind::AddrInUse;
    CommandError::from(error).with_hint(match is_taken {
        true => format!("{at} is taken: another one by --bind, such as --bind 127.0.0.1:0"),
        false => format!("it was to listen at {at}"),
    })
}
