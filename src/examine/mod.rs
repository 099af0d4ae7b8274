//! Examining this machine, for `doctor`: which programs are there, which ports can be bound,
//! and which addresses can be dialled from here. It runs no program and leaves nothing behind.

mod route;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::model::timing::DIAL_TIMEOUT;
use crate::model::{self, Template, bound_for};
use crate::wire::{Bound, Dialled, Examination, Examined, Found, ProgramNeed, Target};

pub(crate) use route::own_address;

/// How many are dialled at a time.
const AT_ONCE: usize = 64;

/// Listens at what was bound, until it is dropped.
pub(crate) struct Examiner {
    listening: JoinSet<()>,
}

impl Examiner {
    /// Looks around. What it has bound is listened at from here on.
    pub(crate) fn begin(examination: &Examination) -> (Self, Examined) {
        let mut examiner = Self {
            listening: JoinSet::new(),
        };
        let nameserver = examination.nameserver;
        let dialling = || own_address(&nameserver?.to_string()).ok();
        let address = examination.address.or_else(dialling);
        let here = |name: &str| std::env::var(name).ok();
        let machine = model::Machine {
            host: Some(&examination.host),
            // Only a program called by its machine's address would need it.
            address: address.unwrap_or(std::net::Ipv4Addr::UNSPECIFIED.into()),
            env: &here,
        };
        let programs = examination.programs.iter();
        let bind = examination.bind.iter();
        let examined = Examined {
            address,
            programs: programs.map(|need| find(need, &machine)).collect(),
            bound: bind
                .map(|at| {
                    let ip = address.map_or(at.ip(), |address| bound_for(at.ip(), address));
                    examiner.bind(SocketAddr::new(ip, at.port()), &examination.token)
                })
                .collect(),
        };
        (examiner, examined)
    }

    /// Listens no more.
    pub(crate) async fn end(mut self) {
        self.listening.shutdown().await;
    }

    fn bind(&mut self, at: SocketAddr, token: &str) -> Bound {
        let listener = TcpListener::bind(at).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok((listener.local_addr()?, listener))
        });
        let listener = listener
            .and_then(|(at, listener)| Ok((at, tokio::net::TcpListener::from_std(listener)?)));
        match listener {
            Ok((at, listener)) => {
                self.listening.spawn(greet(listener, token.to_owned()));
                Bound::At(at)
            }
            Err(error) => match error.kind() {
                io::ErrorKind::AddrInUse => Bound::Taken,
                io::ErrorKind::AddrNotAvailable => Bound::Foreign,
                _ => Bound::Failed(error.to_string()),
            },
        }
    }
}

/// Sends its token to each process that dials.
async fn greet(listener: tokio::net::TcpListener, token: String) {
    while let Ok((mut stream, _)) = listener.accept().await {
        // The token fits into any socket's buffer, so that no peer can hold this up.
        let _ = tokio::time::timeout(DIAL_TIMEOUT, stream.write_all(token.as_bytes())).await;
    }
}

/// Dials all of them. The outcome of each, in their order.
pub(crate) async fn dial(targets: Vec<Target>) -> Vec<Dialled> {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut dialling = JoinSet::new();
    let mut outcomes = vec![Dialled::Silent; targets.len()];
    for (place, target) in targets.into_iter().enumerate() {
        let turns = turns.clone();
        dialling.spawn(async move {
            let _turn = turns.acquire_owned().await;
            (place, dial_one(target).await)
        });
    }
    while let Some(joined) = dialling.join_next().await {
        if let Ok((place, outcome)) = joined {
            outcomes[place] = outcome;
        }
    }
    outcomes
}

async fn dial_one(target: Target) -> Dialled {
    let began = Instant::now();
    let mut stream = match tokio::time::timeout(DIAL_TIMEOUT, TcpStream::connect(target.at)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            return match error.kind() {
                io::ErrorKind::ConnectionRefused => Dialled::Refused,
                io::ErrorKind::TimedOut => Dialled::Silent,
                _ => Dialled::Failed(error.to_string()),
            };
        }
        Err(_) => return Dialled::Silent,
    };
    let us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    let Some(token) = target.token else {
        return Dialled::Reached { us };
    };
    let mut said = vec![0; token.len()];
    match tokio::time::timeout(DIAL_TIMEOUT, stream.read_exact(&mut said)).await {
        Ok(Ok(_)) if said == token.as_bytes() => Dialled::Reached { us },
        Err(_) | Ok(_) => Dialled::Other,
    }
}

/// Where a program would be found, as the kernel is asked for it when it is started.
fn find(need: &ProgramNeed, machine: &model::Machine<'_>) -> Found {
    let text = |template: &Template| template.text(|it| machine.value(it));
    let name = match text(&need.name) {
        Ok(name) => name,
        Err(unfilled) => return Found::Unclear(unfilled.to_string()),
    };
    let path = match need.path.as_ref().map(text).transpose() {
        Ok(path) => path.or_else(|| std::env::var("PATH").ok()),
        Err(unfilled) => return Found::Unclear(unfilled.to_string()),
    };
    if !need.cwd.is_dir() {
        return Found::NoFolder(need.cwd.clone());
    }
    let candidates: Vec<PathBuf> = match name.contains('/') {
        true => vec![need.cwd.join(&name)],
        // A relative entry begins where the program runs.
        false => std::env::split_paths(&path.unwrap_or_default())
            .map(|folder| need.cwd.join(folder).join(&name))
            .collect(),
    };
    let files = || candidates.iter().filter(|path| path.is_file());
    match (files().find(|path| may_run(path)), files().next()) {
        (Some(path), _) => Found::At(path.clone()),
        (None, Some(path)) => Found::Forbidden(path.clone()),
        (None, None) => Found::Missing,
    }
}

fn may_run(path: &Path) -> bool {
    let executable = |it: std::fs::Metadata| it.permissions().mode() & 0o111 != 0;
    std::fs::metadata(path).is_ok_and(executable)
        && nix::unistd::access(path, nix::unistd::AccessFlags::X_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examination() -> Examination {
        Examination {
            host: "lab1".parse().unwrap(),
            address: None,
            nameserver: Some("127.0.0.1:0".parse().unwrap()),
            programs: Vec::new(),
            bind: vec!["127.0.0.1:0".parse().unwrap()],
            token: "lab1 7".to_owned(),
        }
    }

    fn need(name: &str, cwd: &Path) -> ProgramNeed {
        ProgramNeed {
            name: name.into(),
            path: None,
            cwd: cwd.to_owned(),
        }
    }

    #[tokio::test]
    async fn who_listens_is_known_by_what_it_says() {
        let (_examiner, examined) = Examiner::begin(&examination());
        assert!(examined.address.unwrap().is_loopback());
        let [Bound::At(at)] = examined.bound[..] else {
            panic!("{examined:?}")
        };
        // The same port once more is taken.
        let mut again = examination();
        again.bind = vec![at, "192.0.2.1:0".parse().unwrap()];
        let (_other, examined) = Examiner::begin(&again);
        assert_eq!(examined.bound, [Bound::Taken, Bound::Foreign]);

        let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
        let closed = nobody.local_addr().unwrap();
        drop(nobody);
        let target = |at, token: &str| Target {
            at,
            token: Some(token.to_owned()),
        };
        let targets = vec![
            target(at, "lab1 7"),
            target(at, "lab2 7"),
            target(closed, "x"),
        ];
        let outcomes = dial(targets).await;
        assert!(matches!(outcomes[0], Dialled::Reached { .. }));
        assert_eq!(outcomes[1..], [Dialled::Other, Dialled::Refused]);
    }

    #[tokio::test]
    async fn programs_are_looked_for_where_they_would_be_started() {
        let temp = tempfile::tempdir().unwrap();
        let here = temp.path();
        std::fs::write(here.join("tool"), "#!/bin/sh\n").unwrap();
        let mut by_path = need("tool", here);
        by_path.path = Some(".".into());
        let mut examination = examination();
        examination.programs = vec![
            need("sh", here),
            need("no-such-program", here),
            need("./tool", here),
            by_path.clone(),
            need("sh", &here.join("nowhere")),
        ];
        let found = |examination| Examiner::begin(examination).1.programs;
        let first = found(&examination);
        assert!(matches!(&first[0], Found::At(path) if path.ends_with("sh")));
        assert_eq!(first[1], Found::Missing);
        assert!(matches!(&first[2], Found::Forbidden(_)));
        assert!(matches!(&first[3], Found::Forbidden(_)));
        assert_eq!(first[4], Found::NoFolder(here.join("nowhere")));
        let allowed = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(here.join("tool"), allowed).unwrap();
        assert!(matches!(
            &found(&examination)[2..4],
            [Found::At(_), Found::At(_)]
        ));
    }
}
