//! Reading the topology that a command is given: a file, or standard input as `-`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{CommandError, Context, ErrorKind};
use crate::model::Topology;
use crate::render::{Output, diagnostic};
use crate::topology::{self, Problems, Source};

/// The text of a topology and where it came from.
pub struct TopologyFile {
    text: Vec<u8>,
    source: Source,
    place: String,
}

impl TopologyFile {
    pub fn read(path: &Path) -> Result<Self, CommandError> {
        if path.as_os_str() == "-" {
            let source = stdin_source()?;
            return Ok(Self {
                text: limited(io::stdin().lock())?,
                place: source.name.clone(),
                source,
            });
        }
        Ok(Self {
            text: read_file(path)?,
            place: std::path::absolute(path)?.display().to_string(),
            source: file_source(path)?,
        })
    }

    /// Where it is, wherever one stands when that is read.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The name to show.
    pub fn name(&self) -> &str {
        &self.source.name
    }

    pub fn load(&self) -> Result<Topology, Problems> {
        topology::load(&self.text, &self.source)
    }

    /// The topology, or all that is wrong with it on stderr.
    pub fn load_or_complain(&self, context: &Context) -> Result<Topology, CommandError> {
        self.load().map_err(|problems| {
            let text = match context.output() {
                Output::Json => crate::render::pretty(&invalid(&problems)),
                Output::Table | Output::Names => {
                    self.diagnose(&problems, context.stderr_style().color)
                }
            };
            context.complain_in_full(&text);
            CommandError::already_shown(ErrorKind::InvalidTopology)
        })
    }

    /// Problems as compilers show them.
    pub fn diagnose(&self, problems: &Problems, color: bool) -> String {
        let text = String::from_utf8_lossy(&self.text);
        diagnostic::problems(problems, &text, &self.source.name, color)
    }
}

/// What `check -o json` prints of a topology that is not valid.
pub fn invalid(problems: &Problems) -> Invalid<'_> {
    Invalid {
        valid: false,
        problems,
    }
}

/// A topology that is not valid, for programs.
#[derive(serde::Serialize)]
pub struct Invalid<'a> {
    valid: bool,
    problems: &'a Problems,
}

fn read_file(path: &Path) -> Result<Vec<u8>, CommandError> {
    let read = File::open(path).and_then(|file| match file.metadata()?.is_dir() {
        true => Err(io::Error::other("it is a folder; name the file in it")),
        false => limited(file),
    });
    read.map_err(|error| {
        let sentence = format!("cannot read {}: {}", path.display(), reason(&error));
        CommandError::say(ErrorKind::Failed, sentence).with_code("unreadable")
    })
}

/// Without the number of the error.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "not permitted".to_owned(),
        _ => error.to_string(),
    }
}

/// No more than what shows that it is too much.
fn limited(from: impl Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    from.take(topology::LARGEST as u64 + 1)
        .read_to_end(&mut text)?;
    Ok(text)
}

fn stdin_source() -> Result<Source, CommandError> {
    Ok(Source {
        name: "<stdin>".to_owned(),
        stem: "stdin".to_owned(),
        folder: std::env::current_dir()?,
    })
}

fn file_source(path: &Path) -> Result<Source, CommandError> {
    let absolute: PathBuf = std::path::absolute(path)?;
    let stem = absolute
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let folder = absolute.parent().unwrap_or(Path::new("/")).to_owned();
    Ok(Source {
        name: path.display().to_string(),
        stem,
        folder,
    })
}
