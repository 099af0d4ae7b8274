//! A system that is attached to: it ends with the command that is attached to it, and when it is over.

use std::os::unix::process::CommandExt;
use std::process::Stdio;

use crate::common::{Bench, kill, listen, wait_until};

const SERVER: &str = "  Server: {}\n";

fn job(name: &str, script: &str) -> String {
    format!("  {name}: {{ command: [sh, -c, '{script}'], speaks: nothing, settle: 0s }}\n")
}

fn system(agents: &[&str]) -> String {
    format!("osb: 1\nname: jobs\nagents:\n{}", agents.concat())
}

#[test]
#[allow(unsafe_code, reason = "what runs between fork and exec")]
fn a_terminal_that_is_closed_and_ctrl_backslash_take_the_system_down() {
    use nix::sys::signal::{SigHandler, Signal, signal};
    for number in [Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGTERM] {
        let bench = Bench::new();
        let path = bench.file("topology.yaml", &system(&[SERVER]));
        let mut command = bench.command(&["up", "--attach", &path]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        // SAFETY: one system call between fork and exec.
        unsafe {
            command.pre_exec(move || Ok(signal(number, SigHandler::SigDfl).map(drop)?));
        }
        let mut up = command.spawn().unwrap();
        let said = listen(up.stdout.take().unwrap());
        wait_until("it is up", || said.lock().unwrap().contains("jobs is up"));
        kill(i32::try_from(up.id()).unwrap(), number as i32);
        assert_eq!(up.wait().unwrap().code(), Some(0), "{number}");
        bench.assert_nothing_left();
    }
}

#[test]
#[allow(unsafe_code, reason = "what runs between fork and exec")]
fn who_is_to_ignore_a_signal_ignores_it() {
    use nix::sys::signal::{SigHandler, Signal, signal};
    let bench = Bench::new();
    let path = bench.file("topology.yaml", &system(&[SERVER]));
    let mut command = bench.command(&["up", "--attach", &path]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    // SAFETY: one system call between fork and exec.
    unsafe {
        command.pre_exec(|| Ok(signal(Signal::SIGHUP, SigHandler::SigIgn).map(drop)?));
    }
    let mut up = command.spawn().unwrap();
    let said = listen(up.stdout.take().unwrap());
    wait_until("it is up", || said.lock().unwrap().contains("jobs is up"));
    let pid = i32::try_from(up.id()).unwrap();
    kill(pid, 1);
    assert_eq!(bench.agent("Server")["state"], "running");
    kill(pid, 15);
    assert_eq!(up.wait().unwrap().code(), Some(0));
}

#[test]
fn it_ends_when_nothing_is_left_to_run() {
    let bench = Bench::new();
    let path = bench.file(
        "topology.yaml",
        &system(&[
            &job("One", "sleep 0.2; echo the last words"),
            &job("Two", "true"),
        ]),
    );
    let said = bench.osb(&["up", "--attach", &path]);
    assert_eq!(said.code, 0, "{said}");
    assert!(said.stdout.contains("the last words"), "{said}");
    let kept = "its logs are kept: `osb --system jobs logs --run 1`";
    assert!(said.stderr.contains(kept), "{said}");
    bench.assert_nothing_left();
    let path = bench.file(
        "topology.yaml",
        &system(&[&job("One", "sleep 0.2; exit 7"), &job("Two", "true")]),
    );
    let said = bench.osb(&["up", "--attach", &path]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("these have failed: One"), "{said}");
    bench.assert_nothing_left();
}

#[test]
fn a_failure_ends_it_and_an_agents_status_is_the_commands() {
    for (flags, script, code) in [
        (vec!["--abort-on-failure"], "sleep 0.2; exit 7", 1),
        (vec!["--exit-code-from", "Test"], "sleep 0.2; exit 7", 7),
        (vec!["--exit-code-from", "Test"], "sleep 0.2", 0),
        (
            vec!["--exit-code-from", "Test"],
            "sleep 0.2; kill -9 $$$$",
            137,
        ),
        (
            vec!["--exit-code-from", "Server", "--abort-on-failure"],
            "sleep 0.2; exit 7",
            1,
        ),
    ] {
        let bench = Bench::new();
        let path = bench.file("topology.yaml", &system(&[SERVER, &job("Test", script)]));
        let said = bench.osb(&[&["up"], flags.as_slice(), &[&path]].concat());
        assert_eq!(said.code, code, "{flags:?}: {said}");
        bench.assert_nothing_left();
    }
    // A job that fails while the system comes up.
    let bench = Bench::new();
    let test = "  Test: { command: [sh, -c, 'exit 9'], job: true }\n";
    let path = bench.file("topology.yaml", &system(&[SERVER, test]));
    let said = bench.osb(&["up", "--exit-code-from", "Test", &path]);
    assert_eq!(said.code, 9, "{said}");
    let said = bench.osb(&["up", "--exit-code-from", "Tset", &path]);
    assert_eq!(said.code, 2, "{said}");
    assert!(said.stderr.contains("did you mean Test?"), "{said}");
}

/// The developer's loop: what is saved is so, and Ctrl-C takes all down; once more hurries it.
#[test]
fn who_watches_and_is_attached_takes_the_system_along() {
    for (signals, busy) in [
        (vec![2], false),
        (vec![15], false),
        (vec![1], false),
        (vec![2, 2], true),
    ] {
        let bench = Bench::new();
        let mule = "  Mule: { command: [sh, -c, 'trap \"\" TERM; while :; do sleep 1; done'], speaks: nothing, settle: 1ms, stop_timeout: 50s }\n";
        let agents = if busy {
            vec![SERVER, mule]
        } else {
            vec![SERVER]
        };
        let path = bench.file("topology.yaml", &system(&agents));
        let mut command = bench.command(&["up", "--attach", "--watch", &path]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        own_signals(&mut command);
        let mut up = command.spawn().unwrap();
        let said = listen(up.stderr.take().unwrap());
        let logs = listen(up.stdout.take().unwrap());
        let heard = |what: &str| said.lock().unwrap().contains(what);
        wait_until("it watches", || heard("and takes the system down"));
        let server = bench.pid("Server");
        // An agent that is new is followed too; that it ends ends nothing.
        let news = job("News", "echo here is news");
        bench.file(
            "topology.yaml",
            &system(&[agents.as_slice(), &[&news]].concat()),
        );
        wait_until("News has come", || {
            logs.lock().unwrap().contains("here is news")
        });
        bench.file("topology.yaml", "osb: 1\nagents: [\n");
        wait_until("the mistake is told", || {
            heard("the system stays as it was")
        });
        assert_eq!(bench.pid("Server"), server);
        let pid = i32::try_from(up.id()).unwrap();
        for signal in signals {
            kill(pid, signal);
            wait_until("it is taken down", || {
                heard("taking the system down; press")
            });
        }
        assert_eq!(
            up.wait().unwrap().code(),
            Some(0),
            "{}",
            said.lock().unwrap()
        );
        wait_until("it says so", || heard("jobs is down"));
        bench.assert_nothing_left();
    }
}

#[test]
fn a_watched_system_that_is_taken_down_elsewhere_ends_the_watching() {
    let bench = Bench::new();
    let path = bench.file("topology.yaml", &system(&[SERVER]));
    let mut up = bench.spawn(&["up", "--attach", "--watch", &path]);
    let said = listen(up.stderr.take().unwrap());
    wait_until("it watches", || {
        said.lock().unwrap().contains("and takes the system down")
    });
    bench.ok(&["down"]);
    assert_eq!(up.wait().unwrap().code(), Some(0));
    bench.assert_nothing_left();
}

/// Interrupted while a change is under way: that is taken back, and then all is.
#[test]
fn who_is_interrupted_in_a_change_takes_all_down() {
    let bench = Bench::new();
    let path = bench.file("topology.yaml", &system(&[SERVER]));
    let mut up = bench.spawn(&["up", "--attach", "--watch", &path]);
    let said = listen(up.stderr.take().unwrap());
    let heard = |what: &str| said.lock().unwrap().contains(what);
    wait_until("it watches", || heard("and takes the system down"));
    let never = "  Never: { command: [sleep, '1000'], speaks: nothing, ready: { line: never } }\n";
    bench.file("topology.yaml", &system(&[SERVER, never]));
    wait_until("it is under way", || bench.pid_of("sleep 1000").is_some());
    kill(i32::try_from(up.id()).unwrap(), 2);
    assert_eq!(
        up.wait().unwrap().code(),
        Some(0),
        "{}",
        said.lock().unwrap()
    );
    assert!(heard("interrupted: taking back"));
    bench.assert_nothing_left();
}

/// Whatever the test's own parent has had ignored.
#[allow(unsafe_code, reason = "what runs between fork and exec")]
fn own_signals(command: &mut std::process::Command) {
    use nix::sys::signal::{SigHandler, Signal, signal};
    // SAFETY: system calls between fork and exec, and nothing else.
    unsafe {
        command.pre_exec(|| {
            for number in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM] {
                signal(number, SigHandler::SigDfl)?;
            }
            Ok(())
        });
    }
}
