//! Files import from their own floor or below, and in no circles: specs/architecture.md says which floors there are.
//!
//! Sources are read as words, without comments and without their tests; macros and what a dependency does are not
//! looked into.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Circles of files that are still there. One that is opened is taken off; none is put on.
const CIRCLES: &[&[&str]] = &[];

/// The path of a module within the crate. That of the crate itself is empty.
type Module = Vec<String>;
/// The files of a circle.
type Circle = BTreeSet<String>;
/// What each module imports of others.
type Imports = BTreeMap<Module, BTreeSet<Module>>;

#[test]
fn nothing_is_imported_from_a_floor_above() {
    let page = include_str!("../specs/architecture.md");
    let floors = floors(page);
    let floor = |module: &Module| {
        let parts = (1..=module.len()).rev();
        parts
            .map(|parts| module[..parts].join("/"))
            .find_map(|name| floors.get(&name))
    };
    let mut wrong = Vec::new();
    for (module, imported) in imports() {
        let Some(own) = floor(&module) else {
            wrong.push(format!(
                "{} is on no floor of specs/architecture.md",
                file(&module)
            ));
            continue;
        };
        let above = imported
            .iter()
            .filter(|it| floor(it).is_some_and(|it| it < own));
        wrong.extend(
            above.map(|it| format!("{} imports {}, which is above", file(&module), file(it))),
        );
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn no_circle_of_files_is_new() {
    let imports = imports();
    let found: BTreeSet<Circle> = circles(&imports);
    let known: BTreeSet<Circle> = CIRCLES
        .iter()
        .map(|circle| circle.iter().map(|&name| name.to_owned()).collect())
        .collect();
    let told: Vec<String> = found
        .difference(&known)
        .map(|circle| told(circle, &imports))
        .collect();
    assert!(
        told.is_empty(),
        "\nA circle of files:\n{}",
        told.join("\nAnd another:\n")
    );
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(
        gone.is_empty(),
        "these circles are gone: take them off the list: {gone:?}"
    );
}

#[test]
fn what_is_looked_for_is_found() {
    let text = "use a::{b, c::{D as E, f}};\n#[cfg(x)]\npub(crate) use super::g;\nlet x = crate::h::i(1);\nself.j";
    let found: Vec<String> = paths(text).iter().map(|path| path.join("::")).collect();
    assert_eq!(
        found,
        ["a::b", "a::c::D", "a::c::f", "super::g", "crate::h::i"]
    );
    let import =
        |from: &str, to: &str| (vec![from.to_owned()], BTreeSet::from([vec![to.to_owned()]]));
    let imports = Imports::from([
        import("a", "b"),
        import("b", "c"),
        import("c", "b"),
        import("d", "a"),
    ]);
    assert_eq!(
        circles(&imports),
        BTreeSet::from([Circle::from(["b".to_owned(), "c".to_owned()])])
    );
    assert!(self::imports().len() > 200, "all files are looked at");
}

/// The floors of the page, counted from above, of each folder.
fn floors(page: &str) -> BTreeMap<String, usize> {
    let section = page.split("\n## Floors\n").nth(1).unwrap();
    let rows = section.split("\n## ").next().unwrap().lines();
    let rows = rows.filter(|line| line.starts_with('|')).enumerate();
    let folders = rows.flat_map(|(floor, row)| {
        let names = row.split('|').nth(2).unwrap().split('`').skip(1).step_by(2);
        names.map(move |name| (name.to_owned(), floor))
    });
    folders.collect()
}

/// The circles: files of which each leads to each other.
fn circles(imports: &Imports) -> BTreeSet<Circle> {
    let reached: BTreeMap<&Module, BTreeSet<&Module>> = imports
        .keys()
        .map(|module| (module, reached(module, imports)))
        .collect();
    let circle = |module: &&Module| {
        let there = reached[*module].iter();
        let back = there.filter(|it| reached.get(*it).is_some_and(|back| back.contains(module)));
        back.map(|it| file(it)).collect::<Circle>()
    };
    imports
        .keys()
        .map(|module| circle(&module))
        .filter(|circle| !circle.is_empty())
        .collect()
}

fn reached<'i>(from: &Module, imports: &'i Imports) -> BTreeSet<&'i Module> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&Module> = imports[from].iter().collect();
    while let Some(module) = next.pop() {
        if reached.insert(module) {
            next.extend(imports.get(module).into_iter().flatten());
        }
    }
    reached
}

fn told(circle: &Circle, imports: &Imports) -> String {
    let within = imports
        .iter()
        .filter(|(module, _)| circle.contains(&file(module)));
    let edges = within.flat_map(|(module, imported)| {
        let imported = imported.iter().map(file).filter(|it| circle.contains(it));
        imported.map(|it| format!("  {} imports {it}", file(module)))
    });
    edges.collect::<Vec<_>>().join("\n")
}

/// What each file imports, but for what parents give their children.
fn imports() -> Imports {
    let mut texts = BTreeMap::new();
    read(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &Vec::new(),
        &mut texts,
    );
    let of = |(module, text): (&Module, &String)| {
        let paths = paths(text);
        let imported = paths
            .iter()
            .filter_map(|path| resolved(module, path, &texts));
        let imported = imported.filter(|it| !module.starts_with(it)).collect();
        (module.clone(), imported)
    };
    texts
        .iter()
        .filter(|(module, _)| !module.is_empty())
        .map(of)
        .collect()
}

/// Reads the sources below a folder.
fn read(folder: &Path, module: &Module, texts: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let child = || [module.as_slice(), std::slice::from_ref(&name)].concat();
        if path.is_dir() {
            read(&path, &child(), texts);
        } else if path.extension().is_some_and(|it| it == "rs") && name != "tests" && name != "main"
        {
            let module = match name.as_str() {
                "mod" | "lib" => module.clone(),
                _ => child(),
            };
            if !module.iter().any(|part| part == "tests") {
                texts.insert(module, without_tests(&fs::read_to_string(&path).unwrap()));
            }
        }
    }
}

fn without_tests(text: &str) -> String {
    let text = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    let lines = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// All that a text imports, and all paths in it that begin within the crate.
fn paths(text: &str) -> Vec<Vec<&str>> {
    let mut paths = Vec::new();
    let words = words(text);
    let mut rest = words.as_slice();
    while let [word, after @ ..] = rest {
        let mut words = after.iter().copied();
        match *word {
            "use" => {
                tree(&mut words, &[], &mut paths);
            }
            "crate" | "super" | "self" if after.first() == Some(&"::") => {
                let mut path = vec![*word];
                while let ("::", Some(name)) =
                    (words.next().unwrap_or_default(), words.clone().next())
                {
                    path.push(name);
                    words.next();
                }
                paths.push(path);
            }
            _ => {}
        }
        rest = &after[after.len() - words.len()..];
    }
    paths
}

/// Reads what stands behind `use`, to its end, which it tells.
fn tree<'t>(
    words: &mut impl Iterator<Item = &'t str>,
    before: &[&'t str],
    paths: &mut Vec<Vec<&'t str>>,
) -> Option<&'t str> {
    let (mut path, mut parted) = (before.to_vec(), false);
    loop {
        match words.next()? {
            "::" | "*" => {}
            "as" => drop(words.next()),
            "{" => {
                parted = true;
                while tree(words, &path, paths)? == "," {}
            }
            end @ ("," | "}" | ";") => {
                if !parted && path.len() > before.len() {
                    paths.push(path);
                }
                return Some(end);
            }
            name => path.push(name),
        }
    }
}

/// Names, `::`, and all other characters one by one.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let name = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let length = match name {
            0 if rest.starts_with("::") => 2,
            0 => first.len_utf8(),
            name => name,
        };
        words.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    words
}

/// The file that a path leads to, if that is one of this crate.
fn resolved(from: &Module, path: &[&str], texts: &BTreeMap<Module, String>) -> Option<Module> {
    let up = path.iter().take_while(|&&name| name == "super").count();
    let (mut module, names) = match path.first()? {
        &"crate" => (Vec::new(), &path[1..]),
        &"self" => (from.clone(), &path[1..]),
        &"super" => (from[..from.len().checked_sub(up)?].to_vec(), &path[up..]),
        name => {
            let child = [from.as_slice(), &[(*name).to_owned()]].concat();
            texts.contains_key(&child).then(|| (from.clone(), path))?
        }
    };
    for name in names {
        module.push((*name).to_owned());
        if !texts.contains_key(&module) {
            module.pop();
            break;
        }
    }
    Some(module)
}

/// Of a module, as it is told.
fn file(module: &Module) -> String {
    module.join("/")
}
