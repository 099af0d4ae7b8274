//! The shell script that is run on the other machine, and the lines it says. Pure.

/// How far the script has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// The account runs the script.
    Here,
    /// There is no osb of this version; what there is, and what the machine is (`uname -sm`). The sum of the osb that was
    /// copied before; empty: there is none, or none that can be trusted.
    Need {
        machine: String,
        found: String,
        kept: String,
    },
    /// It failed: at bringing osb there.
    Failed(String),
    /// From here on osb itself speaks.
    Found,
    /// What osb says.
    Word(String),
}

/// POSIX sh, without a single quote. The binary comes by standard input, behind a line with its size and its
/// SHA-256, and is moved into place whole; if its size is 0, the one that is kept there is it.
///
/// What is run to see its version has 5 s for that where there is `timeout`, and in any case no longer than the
/// connection lasts: nothing comes by standard input meanwhile but its end. Who looks for that has ended before the script goes on, or
/// the first bytes of what comes then would be lost. The one that was copied before is not run to be
/// trusted: its sum is told, if nobody else can have written to it.
///
/// `run` hands on the connection to osb, and its exit status to the connection. An osb of this version notices the end of the
/// connection by itself; what only says that it is one, or hangs, is killed with its process group `LIMIT` seconds after that
/// end. What hands on standard input and what waits for osb each tell the same loop: `by`, what works or waits at the connection's
/// side; `osb`, its pid; `late`, the limit is over; `over`, the exit status. osb itself is not run with `&`: it would ignore SIGINT then, and
/// so would each program below it.
const TEMPLATE: &str = r#"
LC_ALL=C; export LC_ALL; umask 077
echo osb-here
exec 3<&0 4>/dev/null
v=VERSION; c="${XDG_CACHE_HOME:-$HOME/.cache}"; d="$c/osb/$v"; t=
limit=$(command -v timeout) && limit="$limit -k 1 5"
said() {
  {
    $limit "$1" --version 2>&"$2" </dev/null & p=$!
    { read -r _; kill -9 "$p"; } <&3 >&4 2>&4 & w=$!
    wait "$p"; kill -9 "-$p"; kill "$w"; wait "$w"
  } 2>&4 | head -c 200
}
run() {
  exec 5>&1; lead=$(command -v setsid)
  {
    exec 6>&1
    {
      cat <&3 5>&- 6>&- & echo "by $!" >&6; exec >&4
      wait "$!" && { sleep LIMIT 5>&- 6>&- & echo "by $!" >&6; wait "$!" && echo late >&6; }
    } 2>&4 | {
      exec 7>&2 2>&4
      $lead sh -c "echo osb \$\$ >&6; exec \"\$0\" host --by-ssh >&5 2>&7 3<&- 4>&- 5>&- 6>&- 7>&-" "$1"
      echo "over $?" >&6
    }
  } | {
    s=
    while read -r what n; do
      case "$what" in
        osb) p=$n;;
        by) by=$n; [ -z "$s" ] || kill "$by";;
        late) kill -9 "-$p" || kill -9 "$p";;
        over) s=$n; kill "$by";;
      esac
    done 2>&4
    exit "${s:-1}"
  }
}
fits() { [ -n "$1" ] && [ "$(said "$1" 4)" = "osb $v" ]; }
mine() {
  set -- "$2" $(ls -ldn "$1" 2>/dev/null)
  case "$2" in $1) [ "$4" = "$(id -u)" ];; *) false;; esac
}
kept() { mine "$c" "d???????-*" && mine "$c/osb" "d????-??-*" && mine "$d" "d????-??-*"; }
undo() {
  rm -f "$t"; q="$d"
  while [ "$n" -gt 0 ]; do rmdir "$q" 2>/dev/null; q="${q%/*}"; n=$((n-1)); done
}
fail() { undo; echo "osb-failed $1"; exit 1; }
p=$(command -v osb 2>/dev/null); o="$p"
if ! fits "$o"; then
  o="$d/osb"; s=
  kept && mine "$o" "-????-??-*" && s=$(sha256sum <"$o" 2>/dev/null)
  f=; [ -n "$p" ] && f=$(said "$p" 4 | head -n 1 | tr ";" ",")
  echo "osb-need $(uname -sm);$f;${s%% *}"
  read -r size sum || exit 1
  if [ "$size" != 0 ]; then
    n=0; q="$d"; while [ -n "$q" ] && [ ! -d "$q" ]; do n=$((n+1)); q="${q%/*}"; done
    e=$(mkdir -p "$d" 2>&1) || fail "$e"
    kept || fail "others may write to $d, or it is not of this user"
    e=$(mktemp "$d/osb.XXXXXX" 2>&1) || fail "$e"
    t="$e"
    e=$( { head -c "$size" >"$t"; } 2>&1 ) || fail "$e"
    s=$(sha256sum <"$t" 2>&1)
    [ "${s%% *}" = "$sum" ] || fail "what arrived is not what was sent: ${s%% *}"
    chmod 700 "$t"
    fits "$t" || fail "it does not run there: $(said "$t" 1 | head -n 2 | tr "\n" " ")"
    TAKE
  fi
fi
echo osb-found
run "$o"
"#;

/// How long osb there may go on when the connection has ended: longer than one that ends what it has started needs, and
/// than most that end a system whose agents have a grace.
const LIMIT: &str = "60";

/// It is moved into place.
const KEEP: &str = r#"e=$(mv -f "$t" "$o" 2>&1) || fail "$e""#;

/// It is run where it is, and then nothing is left of it.
const BORROW: &str = r#"echo osb-found; run "$t"; s=$?; undo; exit "$s""#;

/// What becomes of an osb that is copied to a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copied {
    /// It stays there.
    Kept,
    /// It is gone when the connection ends.
    Borrowed,
}

pub(crate) fn script(copied: Copied) -> String {
    script_with(copied, LIMIT)
}

fn script_with(copied: Copied, limit: &str) -> String {
    let take = match copied {
        Copied::Kept => KEEP,
        Copied::Borrowed => BORROW,
    };
    let script = TEMPLATE.replace("VERSION", env!("CARGO_PKG_VERSION"));
    script.replace("TAKE", take).replace("LIMIT", limit)
}

impl Line {
    /// None for what is not of the script: a login shell may say things of its own.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let line = line.trim_end();
        if let Some(word) = line.strip_prefix(crate::wire::MachineWord::MARK) {
            return Some(Line::Word(word.to_owned()));
        }
        if let Some(reason) = line.strip_prefix("osb-failed ") {
            return Some(Line::Failed(reason.to_owned()));
        }
        if let Some(facts) = line.strip_prefix("osb-need ") {
            let mut facts = facts.split(';').map(str::to_owned);
            let mut next = || facts.next().unwrap_or_default();
            return Some(Line::Need {
                machine: next(),
                found: next(),
                kept: next(),
            });
        }
        match line {
            "osb-here" => Some(Line::Here),
            "osb-found" => Some(Line::Found),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::{Child, ChildStdout, Command, Stdio};
    use std::thread;

    use super::*;

    /// An osb of this version, which says again what it is told.
    const ECHO: &str = "cat";
    /// One that says something, and then hangs, with what it has started.
    const HUNG: &str = "echo hung; sleep 600 & wait";

    fn install(folder: &Path, does: &str) {
        let osb = folder.join("osb");
        let version = env!("CARGO_PKG_VERSION");
        let text = format!(
            "#!/bin/sh\nif [ \"$1\" = --version ]; then echo osb {version}; else {does}; fi\n"
        );
        fs::write(&osb, text).unwrap();
        fs::set_permissions(&osb, fs::Permissions::from_mode(0o700)).unwrap();
        // Another test may be starting a process, which has the file open for a moment.
        while Command::new(&osb).arg("--version").output().is_err() {
            thread::yield_now();
        }
    }

    /// The shells of this machine that a user of another may have.
    fn shells() -> Vec<&'static [&'static str]> {
        let all: [&[&str]; 3] = [&["sh"], &["bash"], &["busybox", "sh"]];
        let there = |shell: &&[&str]| {
            let mut ran = Command::new(shell[0]);
            ran.args(&shell[1..]).args(["-c", ":"]).output().is_ok()
        };
        all.into_iter().filter(there).collect()
    }

    fn begun(shell: &[&str], folder: &Path) -> (Child, BufReader<ChildStdout>) {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut shell = Command::new(shell[0])
            .args(&shell[1..])
            .args(["-c", &script_with(Copied::Kept, "1")])
            .env("PATH", format!("{}:{path}", folder.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(shell.stdout.take().unwrap());
        let mut line = String::new();
        while Line::read(&line) != Some(Line::Found) {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "it is not found");
        }
        (shell, said)
    }

    /// What osb hears when it is told something as soon as it is found.
    fn heard(folder: &Path, told: &str) -> String {
        let (mut shell, mut said) = begun(&["sh"], folder);
        let mut stdin = shell.stdin.take().unwrap();
        stdin.write_all(told.as_bytes()).unwrap();
        drop(stdin);
        let mut heard = String::new();
        said.read_to_string(&mut heard).unwrap();
        shell.wait().unwrap();
        heard
    }

    #[test]
    fn the_status_of_osb_is_that_of_the_connection_which_stays_open_no_longer() {
        let folder = tempfile::tempdir().unwrap();
        install(folder.path(), "read -r word; exit \"$word\"");
        for shell in shells() {
            let (mut ssh, mut said) = begun(shell, folder.path());
            let mut stdin = ssh.stdin.take().unwrap();
            stdin.write_all(b"7\n").unwrap();
            said.read_to_end(&mut Vec::new()).unwrap();
            assert_eq!(ssh.wait().unwrap().code(), Some(7), "{shell:?}");
            drop(stdin);
        }
    }

    #[test]
    fn an_osb_that_hangs_ends_with_the_connection_and_all_that_it_has_started() {
        let folder = tempfile::tempdir().unwrap();
        install(folder.path(), HUNG);
        for shell in shells() {
            let (mut ssh, mut said) = begun(shell, folder.path());
            drop(ssh.stdin.take());
            let mut all = String::new();
            // What it has started writes to the same pipe: it would not end before that.
            said.read_to_string(&mut all).unwrap();
            assert_eq!(all, "hung\n", "{shell:?}");
            assert_eq!(ssh.wait().unwrap().code(), Some(128 + 9), "{shell:?}");
        }
    }

    /// What is run with `&` by a shell ignores it, and hands that on to each program below.
    #[test]
    fn osb_there_does_not_ignore_an_interrupt() {
        let folder = tempfile::tempdir().unwrap();
        install(folder.path(), "kill -INT $$; echo alive");
        for shell in shells() {
            let (mut ssh, mut said) = begun(shell, folder.path());
            let mut all = String::new();
            said.read_to_string(&mut all).unwrap();
            assert_eq!(all, "", "{shell:?}");
            assert_eq!(ssh.wait().unwrap().code(), Some(128 + 2), "{shell:?}");
        }
    }

    /// Many at once, for it is a matter of who is faster.
    #[test]
    fn nothing_is_lost_of_what_comes_behind_the_look_at_a_version() {
        let folder = tempfile::tempdir().unwrap();
        install(folder.path(), ECHO);
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    for _ in 0..12 {
                        assert_eq!(
                            heard(folder.path(), "{\"request\":1}\n"),
                            "{\"request\":1}\n"
                        );
                    }
                });
            }
        });
    }

    #[test]
    fn the_script_fits_into_single_quotes_and_says_its_version() {
        for copied in [Copied::Kept, Copied::Borrowed] {
            let script = script(copied);
            assert!(!script.contains('\''));
            assert!(script.contains(concat!("v=", env!("CARGO_PKG_VERSION"), ";")));
        }
    }

    #[test]
    fn what_a_login_shell_says_is_not_taken_for_the_script() {
        assert_eq!(Line::read("Welcome to lab1!"), None);
        assert_eq!(Line::read("osb-foundling"), None);
        assert_eq!(Line::read("osb-found\r"), Some(Line::Found));
        let need = Line::Need {
            machine: "Linux aarch64".into(),
            found: "osb 0.0.1".into(),
            kept: "abc".into(),
        };
        let line = "osb-need Linux aarch64;osb 0.0.1;abc";
        assert_eq!(Line::read(line), Some(need));
        assert_eq!(Line::read("osb-here"), Some(Line::Here));
    }
}
