//! Changes to libzmq: exact replacements on a copy. One that does not fit ends the build, so that no
//! other version of libzmq is ever changed by guess.

use std::fs;
use std::path::Path;

/// One change with a purpose of its own.
pub struct Patch {
    pub name: &'static str,
    pub edits: &'static [Edit],
}

/// In that file, these lines become those. Both may begin with an empty line, which does not count.
pub struct Edit {
    pub file: &'static str,
    pub from: &'static str,
    pub to: &'static str,
}

impl Patch {
    pub fn apply(&self, libzmq: &Path) {
        for edit in self.edits {
            let path = libzmq.join(edit.file);
            let text = read(&path);
            let [from, to] = [edit.from, edit.to].map(|it| it.strip_prefix('\n').unwrap_or(it));
            let found = text.matches(from).count();
            assert!(
                found == 1,
                "the patch {} does not fit: {} has these lines {found} times, not once:\n{}",
                self.name, edit.file, from,
            );
            write(&path, &text.replacen(from, to, 1));
        }
    }
}

/// Copies a folder. What is there already, and not in the original, stays.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap_or_else(|error| panic!("cannot make {}: {error}", to.display()));
    let entries = fs::read_dir(from).unwrap_or_else(|error| panic!("cannot read {}: {error}", from.display()));
    for entry in entries.flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match from.is_dir() {
            true => copy(&from, &to),
            false => write(&to, &read(&from)),
        }
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}
