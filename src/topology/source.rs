//! Where a topology comes from. Only words about the file: nothing here opens it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What there is to know of a topology's file besides its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// How the first file is called in messages: `topology.yaml`.
    pub name: String,
    /// The system's name, unless the topology gives one: see [`default_name`].
    pub stem: String,
    /// Its absolute folder: where commands run and what a relative `cwd` begins at.
    pub folder: PathBuf,
}

/// What files are called of which there may be one in many folders.
const GENERIC: [&str; 4] = ["topology", "osb", "system", "main"];

/// A file's name without its ending.
pub fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

/// The name of the system in the file at `path`, which is absolute, unless it gives one: the file's name without its
/// ending, or the name of its folder if many files are called so. What no name may have in it is `-` there.
pub fn default_name(path: &Path) -> String {
    let stem = stem(path);
    if !GENERIC.contains(&stem.as_str()) {
        return stem;
    }
    let folder = path.parent().and_then(Path::file_name);
    let folder = folder.map(|it| it.to_string_lossy().into_owned());
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = folder
        .unwrap_or_default()
        .chars()
        .map(|c| if legal(c) { c } else { '-' })
        .skip_while(|c| !c.is_ascii_alphanumeric())
        .take(63)
        .collect();
    match name.is_empty() {
        true => stem,
        false => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_usual_name_are_called_by_their_folders() {
        for (path, name) in [
            ("/a/pair.yaml", "pair"),
            ("/lab/topology.yaml", "lab"),
            ("/my lab (2)/osb.yaml", "my-lab--2-"),
            ("/.hidden/system.yaml", "hidden"),
            ("/Überlab/main.yml", "berlab"),
            ("/topology.yaml", "topology"),
            ("/---/topology.yaml", "topology"),
        ] {
            assert_eq!(default_name(Path::new(path)), name, "{path}");
        }
        let long = format!("/{}/topology.yaml", "x".repeat(100));
        assert_eq!(default_name(Path::new(&long)).len(), 63);
    }
}
