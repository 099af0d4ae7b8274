//! The topology that a command is given: files, of which one may be standard input as `-`, and
//! values that are set over them. Variables in them are those of this process.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::gather::{self, Gathered, Variables};
use super::{CommandError, Context, ErrorKind};
use crate::model::Topology;
use crate::render::{Output, diagnostic};
use crate::topology::{Input, InputKind, Problems, Source, Sources, Surroundings};

/// The topology that a command is for.
#[derive(Debug, clap::Args)]
pub struct TopologyArgs {
    /// The topology; - is standard input. Of several, later ones add to earlier ones or replace
    /// what they say. Without any, topology.yaml or osb.yaml of this folder
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A further file, over those before it
    #[arg(short = 'f', long = "file", id = "more", value_name = "FILE")]
    more: Vec<PathBuf>,
    /// Set one value over all files, such as agents.Bob.attributes.x=1
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
}

/// What a topology is called where none is named.
const USUAL: [&str; 2] = ["topology.yaml", "osb.yaml"];

impl TopologyArgs {
    /// One file, as it is.
    pub fn one(file: &str) -> Self {
        Self::of(vec![file.into()])
    }

    /// These files, as they are.
    pub fn of(files: Vec<PathBuf>) -> Self {
        Self {
            files,
            more: Vec::new(),
            set: Vec::new(),
        }
    }

    /// These files, with values that are set over them.
    pub(crate) fn with_values(files: Vec<PathBuf>, set: Vec<String>) -> Self {
        Self {
            set,
            ..Self::of(files)
        }
    }

    /// The folders that the files are in which are named, whether those are there or not.
    pub(crate) fn folders(&self) -> BTreeSet<PathBuf> {
        let files = self.files.iter().chain(&self.more);
        let absolute = files.filter_map(|it| std::path::absolute(it).ok());
        let folders = absolute.filter_map(|it| Some(it.parent()?.to_owned()));
        let here = std::path::absolute(".").ok();
        let usual = here.filter(|_| self.files.is_empty() && self.more.is_empty());
        folders.chain(usual).filter(|it| it.is_dir()).collect()
    }

    /// The files that are named, or the one that is usual.
    fn all(&self) -> Result<Vec<PathBuf>, CommandError> {
        let named: Vec<PathBuf> = self.files.iter().chain(&self.more).cloned().collect();
        if !named.is_empty() {
            return Ok(named);
        }
        let mut usual = USUAL.map(PathBuf::from).into_iter();
        let found = usual.find(|path| path.is_file()).ok_or_else(|| {
            let [one, other] = USUAL;
            let sentence = format!("which topology? There is no {one} and no {other} here");
            CommandError::say(ErrorKind::Usage, sentence).with_hint("name the file: `osb up FILE`")
        });
        found.map(|path| vec![path])
    }
}

/// The texts of a topology and where they came from.
pub(crate) struct TopologyFile {
    inputs: Vec<Input>,
    source: Source,
    place: String,
    /// The files that were read, but for files of variables.
    files: BTreeSet<PathBuf>,
    variables: Variables,
}

impl TopologyFile {
    pub(crate) fn read(args: &TopologyArgs) -> Result<Self, CommandError> {
        let mut gathered = Gathered::default();
        let mut places = Vec::new();
        for path in args.all()? {
            places.push(gathered.read(&path)?);
        }
        let source = gathered.source()?;
        let mut files: BTreeSet<PathBuf> = places.iter().map(PathBuf::from).collect();
        files.extend(gathered.included.iter().cloned());
        let variables = gathered.variables;
        let mut inputs = gathered.inputs;
        inputs.extend(args.set.iter().map(Input::set));
        Ok(Self {
            inputs,
            source,
            place: places.join(", "),
            files,
            variables,
        })
    }

    /// What there is `before`, with what a file and further inputs say of one agent. Its folder is that of the file, or else this one.
    pub(crate) fn around_agent(
        before: Input,
        agent: &str,
        spec: Option<&Path>,
        behind: impl Iterator<Item = Input>,
    ) -> Result<Self, CommandError> {
        let mut gathered = Gathered::default();
        if let Some(spec) = spec {
            gathered.read(spec)?;
        }
        let source = gathered.source()?;
        let mut inputs = vec![before];
        let file = gathered.inputs.pop();
        inputs.append(&mut gathered.inputs);
        inputs.extend(file.map(|it| Input::agent(agent, it)));
        inputs.extend(behind);
        Ok(Self {
            inputs,
            source,
            place: String::new(),
            files: BTreeSet::new(),
            variables: gathered.variables,
        })
    }

    /// Where its files are, wherever one stands when that is read.
    pub(crate) fn place(&self) -> String {
        self.place.clone()
    }

    /// The folders that its files are in.
    pub(crate) fn folders(&self) -> BTreeSet<PathBuf> {
        let files = self.files.iter().filter(|it| it.is_file());
        files
            .filter_map(|it| Some(it.parent()?.to_owned()))
            .collect()
    }

    /// The names to show.
    pub(crate) fn name(&self) -> String {
        let files = self.inputs.iter();
        let files = files.filter(|input| input.kind == InputKind::File);
        let names: Vec<&str> = files.map(|input| input.name.as_str()).collect();
        names.join(", ")
    }

    pub(crate) fn load(&self) -> Result<Topology, Problems> {
        self.load_with_sources().map(|(topology, _)| topology)
    }

    /// The same, with all that it was read from.
    pub(crate) fn load_with_sources(&self) -> Result<(Topology, Sources), Problems> {
        let variables = |name: &str| self.variables.get(name);
        let around = Surroundings {
            env_files: &gather::content,
            ..Surroundings::with_variables(&self.source, &variables)
        };
        Sources::load(&self.inputs, &around)
    }

    /// The topology, or all that is wrong with it on stderr.
    pub(crate) fn load_or_complain(&self, context: &Context) -> Result<Topology, CommandError> {
        let loaded = self.load_with_sources_or_complain(context)?;
        Ok(loaded.0)
    }

    /// The same, with all that it was read from.
    pub(crate) fn load_with_sources_or_complain(
        &self,
        context: &Context,
    ) -> Result<(Topology, Sources), CommandError> {
        self.load_with_sources().map_err(|problems| {
            let text = match context.output() {
                Output::Json => crate::render::pretty(&invalid(&problems)),
                Output::Table | Output::Wide | Output::Names | Output::Raw | Output::Drawing(_) => {
                    self.diagnose(&problems, context.stderr_style().color)
                }
            };
            context.complain_in_full(&text);
            CommandError::already_shown(ErrorKind::InvalidTopology)
        })
    }

    /// Problems as compilers show them.
    pub(crate) fn diagnose(&self, problems: &Problems, color: bool) -> String {
        diagnostic::problems(problems, &self.inputs, color)
    }
}

/// What `check -o json` prints of a topology that is not valid.
pub(crate) fn invalid(problems: &Problems) -> Invalid<'_> {
    Invalid {
        valid: false,
        problems,
    }
}

/// A topology that is not valid, for programs.
#[derive(serde::Serialize)]
pub(crate) struct Invalid<'a> {
    valid: bool,
    problems: &'a Problems,
}
