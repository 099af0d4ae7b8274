//! Programs in Python that take bytes: with the helper, by hand, and without osb.

use std::fmt;
use std::process::{Command, Stdio};

/// How bytes travel between an agent and its program.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lines {
    /// By the helper, behind the lines.
    Frames,
    /// In the lines; that is what a program has to do that asks for nothing else.
    Base64,
}

impl Lines {
    /// The program; it handles what it gets, or sends it on.
    pub(crate) fn program(self, back: bool) -> &'static str {
        match (self, back) {
            (Lines::Frames, false) => HANDLED,
            (Lines::Frames, true) => SENT_ON,
            (Lines::Base64, false) => HANDLED_AS_BASE64,
            (Lines::Base64, true) => SENT_ON_AS_BASE64,
        }
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Lines::Frames => "frames",
            Lines::Base64 => "base64",
        })
    }
}

const HANDLED: &str = r#"
import osb_lines
agent = osb_lines.Agent()
agent.on("in")(len)
agent.run()
"#;

const SENT_ON: &str = r#"
import osb_lines
agent = osb_lines.Agent()
agent.on("in")(lambda message: agent.send("out", message))
agent.run()
"#;

const HANDLED_AS_BASE64: &str = r#"
import base64, json, sys
print('{"type":"ready"}', flush=True)
for line in sys.stdin.buffer:
    word = json.loads(line)
    if word["type"] == "message":
        len(base64.b64decode(word["message"]["$base64"]))
"#;

const SENT_ON_AS_BASE64: &str = r#"
import base64, json, sys
print('{"type":"ready"}', flush=True)
for line in sys.stdin.buffer:
    word = json.loads(line)
    if word["type"] == "message":
        message = base64.b64decode(word["message"]["$base64"])
        message = {"$base64": base64.b64encode(message).decode()}
        print(json.dumps({"type": "send", "alias": "out", "message": message}), flush=True)
"#;

/// Reads messages of a size, and writes them or not.
pub(crate) const BARE: &str = r#"
import sys
size, back = int(sys.argv[1]), sys.argv[2]
read, write = sys.stdin.buffer.read, sys.stdout.buffer.write
while len(message := read(size)) == size:
    if back:
        write(message)
        sys.stdout.buffer.flush()
"#;

pub(crate) fn has_python() -> bool {
    let mut command = Command::new("python3");
    let command = command.arg("--version").stdout(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
