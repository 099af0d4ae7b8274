//! The shell script that is run on the other machine, and the lines it says. Pure.

/// How far the script has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// There is no osb of this version; what there is, and what the machine is (`uname -sm`).
    Need { machine: String, found: String },
    /// It failed: at bringing osb there.
    Failed(String),
    /// From here on osb itself speaks.
    Found,
    /// What osb says.
    Word(String),
}

/// POSIX sh, without a single quote. The binary comes by standard input, behind a line with its size and its
/// SHA-256, and is moved into place whole.
const TEMPLATE: &str = r#"
LC_ALL=C; export LC_ALL; umask 077
v=VERSION; d="${XDG_CACHE_HOME:-$HOME/.cache}/osb/$v"; t=
fits() { [ -n "$1" ] && [ "$("$1" --version 2>/dev/null)" = "osb $v" ]; }
undo() {
  rm -f "$t"; q="$d"
  while [ "$n" -gt 0 ]; do rmdir "$q" 2>/dev/null; q="${q%/*}"; n=$((n-1)); done
}
fail() { undo; echo "osb-failed $1"; exit 1; }
p=$(command -v osb 2>/dev/null); o="$p"
fits "$o" || o="$d/osb"
if ! fits "$o"; then
  echo "osb-need $(uname -sm);$("${p:-false}" --version 2>/dev/null | head -n 1)"
  read -r size sum || exit 1
  n=0; q="$d"; while [ -n "$q" ] && [ ! -d "$q" ]; do n=$((n+1)); q="${q%/*}"; done
  e=$(mkdir -p "$d" 2>&1) || fail "$e"
  e=$(mktemp "$d/osb.XXXXXX" 2>&1) || fail "$e"
  t="$e"
  e=$( { head -c "$size" >"$t"; } 2>&1 ) || fail "$e"
  s=$(sha256sum <"$t" 2>&1)
  [ "${s%% *}" = "$sum" ] || fail "what arrived is not what was sent: ${s%% *}"
  chmod 700 "$t"
  fits "$t" || fail "it does not run there: $("$t" --version 2>&1 | head -n 2 | tr "\n" " ")"
  TAKE
fi
echo osb-found
exec "$o" host --by-ssh
"#;

/// It is moved into place.
const KEEP: &str = r#"e=$(mv -f "$t" "$o" 2>&1) || fail "$e""#;

/// It is run where it is, and then nothing is left of it.
const BORROW: &str = r#"echo osb-found; "$t" host --by-ssh; s=$?; undo; exit "$s""#;

/// What becomes of an osb that is copied to a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copied {
    /// It stays there.
    Kept,
    /// It is gone when the connection ends.
    Borrowed,
}

pub(crate) fn script(copied: Copied) -> String {
    let take = match copied {
        Copied::Kept => KEEP,
        Copied::Borrowed => BORROW,
    };
    let script = TEMPLATE.replace("VERSION", env!("CARGO_PKG_VERSION"));
    script.replace("TAKE", take)
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
            let (machine, found) = facts.split_once(';').unwrap_or((facts, ""));
            let (machine, found) = (machine.to_owned(), found.to_owned());
            return Some(Line::Need { machine, found });
        }
        (line == "osb-found").then_some(Line::Found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        };
        assert_eq!(Line::read("osb-need Linux aarch64;osb 0.0.1"), Some(need));
    }
}
