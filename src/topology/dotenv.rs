//! Files of variables, `NAME=value` on each line: `.env` beside a topology, and those of `env_file`.
//! Only their text: nothing here opens a file.

use std::collections::BTreeMap;

use super::LARGEST;
use super::yaml::{Lookup, filled_in};

/// The variables of a file, by their names.
pub type Variables = BTreeMap<String, String>;

/// What is wrong with a file of variables, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {fault}")]
pub struct DotenvError {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    pub fault: DotenvFault,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DotenvFault {
    #[error("the file has more than {LARGEST} bytes")]
    TooLarge,
    #[error("this is no UTF-8")]
    NotText,
    #[error("a zero character cannot be handed to a program")]
    Zero,
    #[error("expected NAME=value; a name consists of letters, digits, '_', '.' and '-'")]
    NoName,
    #[error("{0} has no value: expected {0}=value")]
    NoValue(String),
    #[error("the quote that begins here does not end")]
    OpenQuote,
    #[error("nothing but a comment may follow a value in quotes")]
    BehindQuote,
    #[error("{0}; what is to stay as it is stands in single quotes")]
    Unfilled(String),
}

/// The variables in a file with this content. Values refer to those of `lookup`, and to those above
/// them: without quotes and in double quotes, `${NAME}` is filled in as it is in a topology.
pub fn dotenv(content: &[u8], lookup: &Lookup<'_>) -> Result<Variables, DotenvError> {
    let text = as_text(content)?;
    let mut reader = Reader {
        text,
        at: 0,
        variables: Variables::new(),
    };
    while let Some((name, begin)) = reader.name()? {
        let (value, is_literal) = reader.value()?;
        let value = match is_literal {
            true => value,
            false => reader.filled_in(&value, begin, lookup)?,
        };
        reader.variables.insert(name, value);
    }
    Ok(reader.variables)
}

fn as_text(content: &[u8]) -> Result<&str, DotenvError> {
    if content.len() > LARGEST {
        return Err(placed("", 0, DotenvFault::TooLarge));
    }
    let text = std::str::from_utf8(content).map_err(|error| {
        let readable = &content[..error.valid_up_to()];
        let readable = std::str::from_utf8(readable).unwrap_or_default();
        placed(readable, readable.len(), DotenvFault::NotText)
    })?;
    match text.find('\0') {
        Some(at) => Err(placed(text, at, DotenvFault::Zero)),
        None => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
    }
}

/// A fault with the place of the byte `at`.
fn placed(text: &str, at: usize, fault: DotenvFault) -> DotenvError {
    let before = &text[..at];
    let line_begin = before.rfind('\n').map_or(0, |it| it + 1);
    DotenvError {
        line: before.matches('\n').count() + 1,
        column: before[line_begin..].chars().count() + 1,
        fault,
    }
}

struct Reader<'t> {
    text: &'t str,
    /// The next byte to read.
    at: usize,
    variables: Variables,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn fault(&self, at: usize, fault: DotenvFault) -> DotenvError {
        placed(self.text, at, fault)
    }

    /// Reads all of these characters that come next.
    fn take(&mut self, is_wanted: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !is_wanted(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// The next name, up to its `=`, and where it begins. None at the end of the file.
    fn name(&mut self) -> Result<Option<(String, usize)>, DotenvError> {
        loop {
            self.take(char::is_whitespace);
            if !self.rest().starts_with('#') {
                break;
            }
            self.take(|c| c != '\n');
        }
        if self.rest().is_empty() {
            return Ok(None);
        }
        let is_blank = |c: char| c == ' ' || c == '\t';
        if let Some(behind) = self.rest().strip_prefix("export")
            && behind.starts_with(is_blank)
        {
            self.at += "export".len();
            self.take(is_blank);
        }
        let begin = self.at;
        let name = self.take(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.fault(begin, DotenvFault::NoName));
        }
        self.take(is_blank);
        match self.rest().chars().next() {
            Some('=') => self.at += 1,
            None | Some('\r' | '\n' | '#') => {
                return Err(self.fault(begin, DotenvFault::NoValue(name.to_owned())));
            }
            Some(_) => return Err(self.fault(begin, DotenvFault::NoName)),
        }
        self.take(is_blank);
        Ok(Some((name.to_owned(), begin)))
    }

    /// What stands behind the `=`, and whether that is it to the letter. Otherwise variables have yet
    /// to be filled in.
    fn value(&mut self) -> Result<(String, bool), DotenvError> {
        let begin = self.at;
        let (value, is_literal) = match self.rest().chars().next() {
            Some('\'') => (self.single_quoted().map(str::to_owned), true),
            Some('"') => (self.double_quoted(), false),
            _ => return Ok((self.bare().to_owned(), false)),
        };
        let value = value.ok_or_else(|| self.fault(begin, DotenvFault::OpenQuote))?;
        let behind = self.at;
        let tail = self.take(|c| c != '\n').trim_start();
        match tail.is_empty() || tail.starts_with('#') {
            true => Ok((value, is_literal)),
            false => Err(self.fault(behind, DotenvFault::BehindQuote)),
        }
    }

    /// Up to the end of the line, or to a comment, which has a blank before it.
    fn bare(&mut self) -> &'t str {
        let line = self.take(|c| c != '\n');
        let comment = line
            .match_indices('#')
            .map(|(at, _)| at)
            .find(|at| line[..*at].ends_with([' ', '\t']) || *at == 0);
        line[..comment.unwrap_or(line.len())].trim()
    }

    /// None if it does not end.
    fn single_quoted(&mut self) -> Option<&'t str> {
        let inside = &self.rest()[1..];
        let end = inside.find('\'')?;
        self.at += end + 2;
        Some(&inside[..end])
    }

    /// With its escapes carried out, but for those of `$`. None if it does not end.
    fn double_quoted(&mut self) -> Option<String> {
        let inside = &self.rest()[1..];
        let mut value = String::new();
        let mut chars = inside.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += at + 2;
                    return Some(value);
                }
                '\\' => match chars.next()?.1 {
                    'n' => value.push('\n'),
                    'r' => value.push('\r'),
                    't' => value.push('\t'),
                    '$' => value.push_str("$$"),
                    quoted @ ('\\' | '"' | '\'') => value.push(quoted),
                    other => value.extend(['\\', other]),
                },
                other => value.push(other),
            }
        }
        None
    }

    fn filled_in(
        &self,
        value: &str,
        begin: usize,
        lookup: &Lookup<'_>,
    ) -> Result<String, DotenvError> {
        let known = |name: &str| lookup(name).or_else(|| self.variables.get(name).cloned());
        filled_in(value, &known).map_err(|error| self.fault(begin, DotenvFault::Unfilled(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lookup(name: &str) -> Option<String> {
        (name == "HOME").then(|| "/home/me".to_owned())
    }

    fn read(text: &str) -> Result<Vec<(String, String)>, String> {
        let variables = dotenv(text.as_bytes(), &lookup).map_err(|error| error.to_string())?;
        Ok(variables.into_iter().collect())
    }

    /// The value that stands behind `A=`.
    fn value(text: &str) -> String {
        let variables = read(&format!("A={text}\nEND=.")).unwrap();
        assert_eq!(variables.len(), 2, "{text}");
        variables[0].1.clone()
    }

    #[test]
    fn text_stays_text() {
        for (text, as_read) in [
            ("24.10", "24.10"),
            ("  two words \t", "two words"),
            ("", ""),
            ("a=b", "a=b"),
            ("a#b # words", "a#b"),
            ("# words", ""),
            ("C:\\new", "C:\\new"),
            ("it's \"so\"", "it's \"so\""),
            ("'a # $X ${X} \\n'  # words", "a # $X ${X} \\n"),
            ("'two\nlines'", "two\nlines"),
            ("\"a\\tb\\\"\\\\ \\q #\"", "a\tb\"\\ \\q #"),
            ("\"${HOME} \\${HOME} $${HOME}\"", "/home/me ${HOME} ${HOME}"),
            ("${HOME}/x ${NONE:-d} pa$word", "/home/me/x d pa$word"),
            ("x\r", "x"),
            ("'x'\r", "x"),
        ] {
            assert_eq!(value(text), as_read, "{text:?}");
        }
    }

    #[test]
    fn lines_are_read_in_order() {
        let text = "\u{feff}# words\n\n export A = 1\r\nB.c-d=${A}2\nA=3\nexport=4\n";
        let read = read(text).unwrap();
        let read: Vec<_> = read.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(read, [("A", "3"), ("B.c-d", "12"), ("export", "4")]);
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        for (text, said) in [
            ("A=1\nB", "2:1: B has no value"),
            ("A=1\n  export B # x", "2:10: B has no value"),
            ("A=1\n\n2B=1", "3:1: expected NAME=value"),
            ("A B=1", "1:1: expected NAME=value"),
            ("A: 1", "1:1: expected NAME=value"),
            ("Ä=1", "1:1: expected NAME=value"),
            ("A=1\nB='x\n", "2:3: the quote that begins here"),
            ("B=\"x\\", "1:3: the quote that begins here"),
            ("B='x'y", "1:6: nothing but a comment"),
            ("A=1\nB=${NONE}", "2:1: the variable NONE is not set"),
            ("B=${NONE:?none}", "1:1: the variable NONE is not set: none"),
            ("B=${", "1:1: this is no variable"),
            ("B=${addr:A.b}", "1:1: a reference"),
            ("A=\0", "1:3: a zero character"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(said), "{text:?}: {error}");
        }
        let error = dotenv(b"A=1\nB=\xff", &lookup).unwrap_err();
        assert_eq!((error.line, error.column), (2, 3));
        let large = vec![b'\n'; LARGEST + 1];
        assert_eq!(
            dotenv(&large, &lookup).unwrap_err().fault,
            DotenvFault::TooLarge
        );
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "[A\\-1='\"\\\\ #\n${}:é\r]{0,40}") {
            let _ = read(&text);
        }

        #[test]
        fn what_stands_in_single_quotes_comes_back(text in "[^'\0]{0,40}") {
            prop_assert_eq!(value(&format!("'{text}'")), text);
        }
    }
}
