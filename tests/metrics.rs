//! `osb metrics`, by the real binary: what is scraped is so, and one who serves it harms nobody and is harmed by nobody.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::common::{Bench, kill, skip, wait_until};
use nix::libc::{SIGINT, SIGKILL};

const SYSTEM: &str = "osb: 1\nname: measured\nagents:\n  Alice:\n    bind: { main: PUSH }\n    timers: [{ every: 20ms, send: main, message: hi }]\n  Bob: {}\nconnections:\n  - { agent: Bob, to: Alice.main, alias: inbox, handler: discard }\n";

/// One who serves, and where.
struct Served {
    process: Child,
    at: String,
}

impl Served {
    fn by(bench: &Bench) -> Self {
        let mut process = bench
            .command(&["metrics", "--bind", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut told = BufReader::new(process.stderr.take().unwrap());
        told.read_line(&mut line).unwrap();
        let at = line
            .trim()
            .strip_prefix("http://")
            .unwrap_or_else(|| panic!("{line}"));
        let at = at.strip_suffix("/metrics").unwrap().to_owned();
        Self { process, at }
    }

    /// Says something, and reads until the other side has no more to say.
    fn say(&self, words: &str) -> String {
        let mut stream = TcpStream::connect(&self.at).unwrap();
        stream.write_all(words.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn get(&self, path: &str, host: &str) -> String {
        self.say(&format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        ))
    }

    fn scrape(&self) -> String {
        let answer = self.get("/metrics", &self.at);
        let (head, page) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
        assert!(head.contains("text/plain; version=0.0.4"), "{head}");
        page.to_owned()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The value of a series.
fn value(page: &str, series: &str) -> f64 {
    let line = page.lines().find_map(|it| it.strip_prefix(series));
    let line = line.unwrap_or_else(|| panic!("no {series}: {page}"));
    line.trim().parse().unwrap()
}

#[test]
fn what_is_scraped_is_what_is_so_and_changes_with_it() {
    let bench = Bench::new();
    let said = bench.up(SYSTEM);
    assert_eq!(said.code, 0, "{said}");
    let served = Served::by(&bench);
    let received =
        "osb_socket_received_messages_total{agent=\"Bob\",alias=\"inbox\",kind=\"PULL\"}";
    let first = served.scrape();
    assert_eq!(
        value(&first, "osb_nameserver_up{nameserver=\"main\"}").to_bits(),
        1f64.to_bits()
    );
    assert!(value(&first, "osb_host_agents{host=\"local\"}") > 1.5);
    assert!(value(&first, "osb_agent_up{agent=\"Alice\",host=\"local\"}") > 0.5);
    assert!(
        value(
            &first,
            "osb_wire_up{client=\"Bob.inbox\",server=\"Alice.main\"}"
        ) > 0.5
    );
    assert!(value(&first, "osb_scrape_age_seconds") < 5.0);
    wait_until("counts grow", || {
        value(&served.scrape(), received) > value(&first, received)
    });
    kill(bench.pid("Alice"), SIGKILL);
    wait_until("it is seen that she has died", || {
        let page = served.scrape();
        page.contains("osb_agent_state{agent=\"Alice\",host=\"local\",state=\"failed\"} 1")
            && page.contains("osb_agent_up{agent=\"Alice\",host=\"local\"} 0")
            && page.contains("osb_wire_up{client=\"Bob.inbox\",server=\"Alice.main\"} 0")
            && !page.contains("osb_socket_sent_messages_total{agent=\"Alice\"")
    });
    let once = bench.ok(&["metrics", "--once"]);
    assert!(
        once.contains("osb_agent_up{agent=\"Bob\",host=\"local\"} 1"),
        "{once}"
    );
    bench.ok(&["down"]);
    wait_until("nobody is there any more", || {
        served
            .scrape()
            .contains("osb_nameserver_up{nameserver=\"main\"} 0")
    });
}

#[test]
fn who_says_something_else_gets_nothing_and_harms_nobody() {
    let bench = Bench::new();
    let said = bench.up(SYSTEM);
    assert_eq!(said.code, 0, "{said}");
    let mut served = Served::by(&bench);
    // One who says nothing keeps nobody waiting.
    let silent = TcpStream::connect(&served.at).unwrap();
    for (words, status) in [
        (served.get("/", &served.at), "200"),
        (served.get("/metric", "localhost"), "404"),
        (served.get("/metrics", "evil.example"), "403"),
        (served.say("POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"), "405"),
        (served.say("no HTTP at all\r\n\r\n"), "400"),
        (served.get(&format!("/{}", "x".repeat(100_000)), "localhost"), "4"),
    ] {
        let line = words.lines().next().unwrap_or_default();
        assert!(line.starts_with(&format!("HTTP/1.1 {status}")), "{status}: {line}");
    }
    assert!(served.scrape().contains("osb_agent_up"));
    drop(silent);
    let said = bench.osb(&["metrics", "--bind", &served.at]);
    assert_eq!(said.code, 1, "{said}");
    assert!(
        said.stderr.contains("is taken: another one by --bind"),
        "{said}"
    );
    kill(i32::try_from(served.process.id()).unwrap(), SIGINT);
    assert!(served.process.wait().unwrap().success());
    bench.ok(&["down"]);
}

/// Prometheus' own tool has nothing to say against the page.
#[test]
fn promtool_finds_nothing_wrong() {
    if Command::new("promtool").arg("--version").output().is_err() {
        return skip(
            "promtool checks the page of `osb metrics`: it is not here (Debian package prometheus)",
        );
    }
    let bench = Bench::new();
    let said = bench.up(SYSTEM);
    assert_eq!(said.code, 0, "{said}");
    let page = bench.ok(&["metrics", "--once"]);
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(page.as_bytes())
        .unwrap();
    let said = promtool.wait_with_output().unwrap();
    let text =
        String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success() && text.is_empty(), "{text}");
    bench.ok(&["down"]);
}
