//! Reading the topology that a command is given: files, of which one may be standard input as
//! `-`, and values that are set over them. Variables in them are those of this process.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{CommandError, Context, ErrorKind};
use crate::model::Topology;
use crate::render::{Output, diagnostic};
use crate::topology::{self, Input, InputKind, Problems, Source};

/// The topology that a command is for.
#[derive(Debug, clap::Args)]
pub struct TopologyArgs {
    /// The topology; - is standard input. Of several, later ones add to earlier ones or replace
    /// what they say
    #[arg(value_name = "FILE", required_unless_present = "more")]
    files: Vec<PathBuf>,
    /// A further file, over those before it
    #[arg(short = 'f', long = "file", id = "more", value_name = "FILE")]
    more: Vec<PathBuf>,
    /// Set one value over all files, such as agents.Bob.attributes.x=1
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
}

/// The texts of a topology and where they came from.
pub struct TopologyFile {
    inputs: Vec<Input>,
    source: Source,
}

impl TopologyFile {
    pub fn read(args: &TopologyArgs) -> Result<Self, CommandError> {
        let mut gathered = Gathered::default();
        let mut first = None;
        for path in args.files.iter().chain(&args.more) {
            let (input, source) = read(path)?;
            gathered.add(input, &source)?;
            first.get_or_insert(source);
        }
        let source = match first {
            Some(source) => source,
            // The parser sees to it that there is one.
            None => stdin_source()?,
        };
        let mut inputs = gathered.inputs;
        inputs.extend(args.set.iter().map(Input::set));
        Ok(Self { inputs, source })
    }

    /// The names to show.
    pub fn name(&self) -> String {
        let files = self.inputs.iter();
        let files = files.filter(|input| input.kind == InputKind::File);
        let names: Vec<&str> = files.map(|input| input.name.as_str()).collect();
        names.join(", ")
    }

    pub fn load(&self) -> Result<Topology, Problems> {
        topology::load_all(&self.inputs, &self.source, &variable)
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
        diagnostic::problems(problems, &self.inputs, color)
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

/// What a variable in a file stands for.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// How deep files may include one another.
const DEEPEST: usize = 16;

/// Files in the order in which they are laid over one another.
#[derive(Default)]
struct Gathered {
    inputs: Vec<Input>,
    /// Those that have been included: each is taken once.
    included: BTreeSet<PathBuf>,
    /// Those that are being read, each included by the one before it.
    within: Vec<PathBuf>,
}

impl Gathered {
    /// Adds a file, after those that it includes.
    fn add(&mut self, input: Input, source: &Source) -> Result<(), CommandError> {
        for name in topology::included(&input.text, &variable) {
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

fn read(path: &Path) -> Result<(Input, Source), CommandError> {
    let (text, source) = match path.as_os_str() == "-" {
        true => (limited(io::stdin().lock())?, stdin_source()?),
        false => (read_file(path)?, file_source(path)?),
    };
    Ok((Input::file(&source.name, text), source))
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
