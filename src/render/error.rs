//! Errors as they are printed: what happened, what is behind it, what to do next.

use std::fmt;

use serde::Serialize;

use super::{Paint, Style, json_line};
use crate::model::harmless;

/// An error for people.
pub struct ErrorText {
    pub message: String,
    pub causes: Vec<String>,
    /// Such as the end of a log.
    pub details: Vec<String>,
    pub hints: Vec<String>,
    pub style: Style,
}

impl fmt::Display for ErrorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = self.style.paint("error:", Paint::Bad);
        write!(f, "{label} {}", sentence(&self.message))?;
        for cause in &self.causes {
            write!(f, "\n  because: {}", sentence(cause))?;
        }
        for line in &self.details {
            let line = format!("| {}", sentence(line));
            write!(f, "\n  {}", self.style.paint(&line, Paint::Faint))?;
        }
        for hint in &self.hints {
            let label = self.style.paint("hint:", Paint::Strong);
            write!(f, "\n{label} {}", sentence(hint))?;
        }
        Ok(())
    }
}

/// What is said, with what others have said in it. Further lines are set in, so that none passes for a hint.
pub fn sentence(text: &str) -> String {
    harmless(text).replace('\n', "\n  ")
}

/// An error for programs: one JSON object on one line.
pub fn error_json(code: &str, message: &str, hint: Option<&str>) -> String {
    #[derive(Serialize)]
    struct Outer<'a> {
        error: Inner<'a>,
    }
    #[derive(Serialize)]
    struct Inner<'a> {
        code: &'a str,
        message: &'a str,
        hint: Option<&'a str>,
    }
    let error = Inner {
        code,
        message,
        hint,
    };
    json_line(&Outer { error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_comes_first_and_what_to_do_last() {
        let text = ErrorText {
            message: "Alice has failed: exit status 3".into(),
            causes: vec![],
            details: vec!["no such file".into()],
            hints: vec!["`osb logs Alice` shows more".into()],
            style: Style {
                color: false,
                width: None,
            },
        };
        insta::assert_snapshot!(text, @r"
        error: Alice has failed: exit status 3
          | no such file
        hint: `osb logs Alice` shows more
        ");
    }

    #[test]
    fn for_programs_it_is_one_object() {
        insta::assert_snapshot!(
            error_json("unreachable", "nobody is there", None),
            @r#"{"error":{"code":"unreachable","message":"nobody is there","hint":null}}"#
        );
    }
}
