//! The shell script that is run on the other machine, and the lines it says. Pure.

/// How far the script has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
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
v=VERSION; d="${XDG_CACHE_HOME:-$HOME/.cache}/osb/$v"
fits() { [ -n "$1" ] && [ "$("$1" --version 2>/dev/null)" = "osb $v" ]; }
fail() { echo "osb-failed $1"; exit 1; }
p=$(command -v osb 2>/dev/null); o="$p"
fits "$o" || o="$d/osb"
if ! fits "$o"; then
  echo "osb-need $(uname -sm);$("${p:-false}" --version 2>/dev/null | head -n 1)"
  read -r size sum || exit 1
  e=$(mkdir -p "$d" 2>&1) || fail "$e"
  t=$(mktemp "$d/osb.XXXXXX" 2>&1) || fail "$t"
  e=$( { head -c "$size" >"$t"; } 2>&1 ) || { rm -f "$t"; fail "$e"; }
  s=$(sha256sum <"$t" 2>&1)
  [ "${s%% *}" = "$sum" ] || { rm -f "$t"; fail "what arrived is not what was sent: ${s%% *}"; }
  chmod 700 "$t"
  fits "$t" || { e=$("$t" --version 2>&1 | head -n 2 | tr "\n" " "); rm -f "$t"; fail "it does not run there: $e"; }
  e=$(mv -f "$t" "$o" 2>&1) || { rm -f "$t"; fail "$e"; }
fi
echo osb-found
exec "$o" host --by-ssh
"#;

pub fn script() -> String {
    TEMPLATE.replace("VERSION", env!("CARGO_PKG_VERSION"))
}

impl Line {
    /// None for what is not of the script: a login shell may say things of its own.
    pub fn read(line: &str) -> Option<Self> {
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
        assert!(!script().contains('\''));
        assert!(script().contains(concat!("v=", env!("CARGO_PKG_VERSION"), ";")));
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
