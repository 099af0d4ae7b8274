//! Reads the files that a topology is made of, with those that they include, in the order in which
//! they are laid over one another. What stands in them is for others to judge.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::remembered::brought_up_from;
use super::{CommandError, ErrorKind};
use crate::topology::{self, Input, InputKind, Source};

/// What variables in a topology stand for: those of this process, and those of the file `.env` beside it.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables(topology::Variables);

/// What the file is called.
const DOT_ENV: &str = ".env";

impl Variables {
    /// Those of the file in that folder, if there is one.
    fn beside(folder: &Path) -> Result<Self, CommandError> {
        let path = folder.join(DOT_ENV);
        if !path.is_file() {
            return Ok(Self::default());
        }
        let content = read_file(&path)?;
        let variables = topology::dotenv(&content, &|name| std::env::var(name).ok());
        variables.map(Self).map_err(|error| {
            let sentence = format!("{}:{error}", path.display());
            CommandError::say(ErrorKind::Failed, sentence)
                .with_code("unreadable")
                .with_hint("such a file has a NAME=value on each line")
        })
    }

    /// What a variable stands for. This process goes first.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        std::env::var(name)
            .ok()
            .or_else(|| self.0.get(name).cloned())
    }
}

/// How deep files may include one another.
const DEEPEST: usize = 16;

/// Files in the order in which they are laid over one another.
#[derive(Default)]
pub(super) struct Gathered {
    pub inputs: Vec<Input>,
    /// Where the first file that was asked for came from.
    source: Option<Source>,
    /// Those that have been included: each is taken once.
    pub included: BTreeSet<PathBuf>,
    /// Those that are being read, each included by the one before it.
    within: Vec<PathBuf>,
    /// With those beside the first file.
    pub variables: Variables,
}

impl Gathered {
    /// Reads a file that was asked for, `-` being standard input, and says where it is.
    pub(crate) fn read(&mut self, path: &Path) -> Result<String, CommandError> {
        let (input, source) = read(path)?;
        let place = match path.as_os_str() == "-" {
            true => source.name.clone(),
            false => std::path::absolute(path)?.display().to_string(),
        };
        if self.source.is_none() {
            self.variables = Variables::beside(&source.folder)?;
        }
        self.add(input, &source)?;
        let source = Source {
            stem: former_name(path)?.unwrap_or(source.stem),
            ..source
        };
        self.source.get_or_insert(source);
        Ok(place)
    }

    /// What to know of the first file.
    pub(crate) fn source(&self) -> Result<Source, CommandError> {
        // The parser makes sure that there is one.
        self.source.clone().map_or_else(stdin_source, Ok)
    }

    /// Adds a file, after those that it includes.
    fn add(&mut self, input: Input, source: &Source) -> Result<(), CommandError> {
        let variables = self.variables.clone();
        for name in topology::included(&input.text, &|name| variables.get(name)) {
            self.include(&source.folder.join(name), &input.name)?;
        }
        self.inputs.push(input);
        Ok(())
    }

    fn include(&mut self, path: &Path, by: &str) -> Result<(), CommandError> {
        let same = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if self.within.contains(&same) || self.within.len() == DEEPEST {
            let sentence = match self.within.len() {
                DEEPEST => format!("files include one another more than {DEEPEST} deep, at {by}"),
                _ => format!("{by} includes {}, which includes it", path.display()),
            };
            return Err(CommandError::say(ErrorKind::InvalidTopology, sentence));
        }
        if !self.included.insert(same.clone()) {
            return Ok(());
        }
        let text =
            read_file(path).map_err(|error| error.with_hints([format!("{by} includes it")]))?;
        let source = file_source(path)?;
        let input = Input {
            kind: InputKind::Included,
            ..Input::file(&source.name, text)
        };
        self.within.push(same);
        self.add(input, &source)?;
        self.within.pop();
        Ok(())
    }
}

/// What a system is called that runs under the name that its file had given it by default before.
fn former_name(path: &Path) -> Result<Option<String>, CommandError> {
    let stem = topology::stem(path);
    let record = brought_up_from(path)?;
    let name = record.map(|record| record.name.to_string());
    Ok(name.filter(|name| *name == stem))
}

fn read(path: &Path) -> Result<(Input, Source), CommandError> {
    let (text, source) = match path.as_os_str() == "-" {
        true => (limited(io::stdin().lock())?, stdin_source()?),
        false => (read_file(path)?, file_source(path)?),
    };
    Ok((Input::file(&source.name, text), source))
}

fn read_file(path: &Path) -> Result<Vec<u8>, CommandError> {
    content(path).map_err(|reason| {
        let sentence = format!("cannot read {}: {reason}", path.display());
        CommandError::say(ErrorKind::Failed, sentence).with_code("unreadable")
    })
}

/// What is in a file, or in words why it cannot be read.
pub(super) fn content(path: &Path) -> Result<Vec<u8>, String> {
    let read = open(path).and_then(|file| {
        let what = file.metadata()?;
        match (what.is_file(), what.is_dir()) {
            (true, _) => limited(file),
            (false, true) => Err(io::Error::other("it is a folder; name the file in it")),
            (false, false) => Err(io::Error::other(
                "it is no file; what comes through a pipe is read with -, from standard input",
            )),
        }
    });
    read.map_err(|error| reason(&error))
}

/// Opens it, and waits for nobody: a pipe that nobody writes to would hold that up.
fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).custom_flags(nix::libc::O_NONBLOCK);
    options.open(path)
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
    let stem = topology::default_name(&absolute);
    let folder = absolute.parent().unwrap_or(Path::new("/")).to_owned();
    Ok(Source {
        name: path.display().to_string(),
        stem,
        folder,
    })
}
