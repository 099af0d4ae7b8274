//! The way of a topology's text to its plan. Nothing is opened: what files would be included is
//! part of the input, and the environment is a small one of our own.

use std::path::Path;

use osb::plan::Plan;
use osb::render::diagnostic;
use osb::topology::{
    Flat, Input, InputKind, Problem, Problems, Source, Surroundings, included, load_all,
};

/// Between two files of an input; the last is the one that was asked for.
const NEXT_FILE: &str = "\n%%%\n";
/// Begins a part that is no file.
const SET: &str = "--set ";

/// Files, the included ones first, and values that are set over them.
pub fn topology(bytes: &[u8]) {
    let inputs = inputs(bytes);
    for input in &inputs {
        included(&input.text, &lookup);
    }
    let source = source();
    let around = Surroundings {
        env_files: &env_file,
        ..Surroundings::with_variables(&source, &lookup)
    };
    match load_all(&inputs, &around) {
        Ok(topology) => {
            let flat = Flat::of(&topology);
            serde_json::to_string(&flat).expect("the flat form is JSON");
            let text = flat.to_yaml();
            let again = load_all(&[Input::file("flat.yaml", text.as_str())], &around);
            let again = again.unwrap_or_else(|problems| panic!("{problems}\n{text}"));
            assert_eq!(again, topology, "{text}");
            assert_eq!(Plan::new(again), Plan::new(topology), "{text}");
        }
        Err(problems) => say_where(&problems, &inputs),
    }
}

fn inputs(bytes: &[u8]) -> Vec<Input> {
    let mut parts: Vec<&[u8]> = Vec::new();
    let mut rest = bytes;
    let next = NEXT_FILE.as_bytes();
    while let Some(at) = rest.windows(next.len()).position(|window| window == next) {
        parts.push(&rest[..at]);
        rest = &rest[at + next.len()..];
    }
    parts.push(rest);
    let is_set = |part: &&[u8]| part.starts_with(SET.as_bytes());
    let (set, files): (Vec<&[u8]>, Vec<&[u8]>) = parts.into_iter().partition(is_set);
    let last = files.len().saturating_sub(1);
    let files = files.into_iter().enumerate().map(|(at, text)| Input {
        kind: match at == last {
            true => InputKind::File,
            false => InputKind::Included,
        },
        ..Input::file(format!("{at}.yaml"), text)
    });
    let set = set.into_iter().map(|part| Input {
        text: part[SET.len()..].to_vec(),
        ..Input::set("")
    });
    files.chain(set).collect()
}

fn lookup(name: &str) -> Option<String> {
    match name {
        "EMPTY" => Some(String::new()),
        "NAME" => Some("Alice".to_owned()),
        "NUMBER" => Some("3".to_owned()),
        "FLOAT" => Some("24.10".to_owned()),
        "DOLLAR" => Some("${x}".to_owned()),
        _ => None,
    }
}

/// A file of variables holds its own name: what is fuzzed writes it.
fn env_file(path: &Path) -> Result<Vec<u8>, String> {
    let name = path.file_name().ok_or("there is no such file")?;
    Ok(name.as_encoded_bytes().to_vec())
}

fn source() -> Source {
    Source {
        name: "topology.yaml".into(),
        stem: "quickstart".into(),
        folder: "/srv/agents".into(),
    }
}

fn say_where(problems: &Problems, inputs: &[Input]) {
    assert!(problems.count() > 0);
    problems.iter().for_each(|problem| is_in(problem, inputs));
    for color in [true, false] {
        diagnostic::problems(problems, inputs, color);
    }
    serde_json::to_string(problems).expect("problems are JSON");
}

fn is_in(problem: &Problem, inputs: &[Input]) {
    let Some(input) = inputs.get(problem.input) else {
        assert!(inputs.is_empty(), "{problem} is in none of the inputs");
        return;
    };
    assert_eq!(problem.file, input.name);
    let text = String::from_utf8_lossy(&input.text);
    assert!(
        problem.span.start <= input.text.len(),
        "{problem}: {:?}",
        problem.span
    );
    // Lines as YAML has them; the place after the last character is one too.
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    let line = unified.split('\n').nth(problem.line - 1);
    let line = line.unwrap_or_else(|| panic!("no such line: {problem}\n{text}"));
    let columns = line.chars().count() + 2;
    assert!(
        (1..=columns).contains(&problem.column),
        "no such column: {problem}\n{text}"
    );
    let printable = |text: &str| !text.chars().any(char::is_control);
    assert!(
        printable(&problem.message) && printable(&problem.text),
        "{problem:?}"
    );
}
