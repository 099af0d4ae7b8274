//! The signals that ask a command to end, for those that have something to see to before: Ctrl-C, SIGTERM, a
//! terminal or a connection that is closed (SIGHUP), and Ctrl-\\ (SIGQUIT). One listener for the whole command:
//! what comes between two of them would be lost.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::runtime::block_on;
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

/// Has `act` done each time that SIGUSR1 comes, on a thread of its own.
pub(crate) fn on_each_usr1(act: impl Fn() + Send + 'static) -> io::Result<()> {
    let hear = async move {
        if let Ok(mut asked) = signal(SignalKind::user_defined1()) {
            while asked.recv().await.is_some() {
                act();
            }
        }
    };
    // Where it cannot be heard, it does what it always does.
    let heard = std::thread::Builder::new().spawn(|| block_on(hear));
    heard.map(drop)
}

/// Has `act` done when the first one comes, on a thread of its own. The second one ends the process, however far it has come.
pub(crate) fn on_signal(act: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let hear = async {
        if let Ok(mut signals) = Signals::new() {
            signals.next().await;
            act();
            signals.next().await;
            std::process::abort();
        }
    };
    // Where signals cannot be heard, they do what they always do.
    let heard = std::thread::Builder::new().spawn(|| block_on(hear));
    heard.map(drop)
}
