//! The signals that ask a command to end, for those that have something to see to before: Ctrl-C, SIGTERM, a
//! terminal or a connection that is closed (SIGHUP), and Ctrl-\\ (SIGQUIT). One listener for the whole command:
//! what comes between two of them would be lost.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::process::is_ignored;

pub(crate) struct Signals(Vec<Signal>);

impl Signals {
    /// Those that the process which started this one has it ignore, as `nohup` does, stay ignored.
    pub(crate) fn new() -> io::Result<Self> {
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
            SignalKind::quit(),
        ];
        let heard = kinds
            .into_iter()
            .filter(|it| !is_ignored(it.as_raw_value()));
        heard.map(signal).collect::<io::Result<_>>().map(Self)
    }

    /// Ends when one comes, or has come since the last.
    pub(crate) async fn next(&mut self) {
        std::future::poll_fn(|context| {
            let came = self.0.iter_mut().any(|it| it.poll_recv(context).is_ready());
            match came {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        })
        .await;
    }
}
