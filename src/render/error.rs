//! Errors as they are printed: what happened, what is behind it, what to do next.

use std::fmt;

use serde::Serialize;

use super::{Paint, Style};

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
        write!(f, "{label} {}", self.message)?;
        for cause in &self.causes {
            write!(f, "\n  because: {cause}")?;
        }
        for line in &self.details {
            write!(
                f,
                "\n  {}",
                self.style.paint(&format!("| {line}"), Paint::Faint)
            )?;
        }
        for hint in &self.hints {
            write!(f, "\n{} {hint}", self.style.paint("hint:", Paint::Strong))?;
        }
        Ok(())
    }
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
    // Text can always be written as JSON.
    serde_json::to_string(&Outer { error }).unwrap_or_default()
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
