//! Whether a connection that says how answers are handled gets any.

use super::super::draft::{Actions, RepliesDraft};
use super::super::review::{Flaw, Review, Spanned};
use super::handlers::{Owner, suited};
use crate::model::{Action, Kind, Replies};

/// How answers are handled, as given or by default.
pub(in crate::topology) fn settle(
    given: &RepliesDraft,
    kind: Kind,
    owner: &Owner<'_>,
    review: &mut Review,
) -> Replies {
    if !kind.asks() {
        refuse_all(given, kind, review);
        return Replies::default();
    }
    let actions = |given: &Option<Spanned<Actions>>, review: &mut Review| {
        let given = given.as_ref()?;
        Some(suited(&given.value, kind, owner, review))
    };
    let on_reply = actions(&given.on_reply, review);
    let on_error = actions(&given.on_error, review);
    let by_default = match owner.has_command {
        true => Action::Command,
        false => Action::Log,
    };
    let on_reply = match kind.subscribes() {
        true => Some(on_reply.unwrap_or_else(|| vec![by_default])),
        false => {
            if let Some(given) = &given.on_reply {
                let message = format!("what arrives at {} socket are replies", kind.with_article());
                let hint = "write handler: instead of on_reply:";
                review.add(Flaw::new(&given.span, message).hint(hint));
            }
            None
        }
    };
    Replies {
        on_reply,
        wait: given.wait.as_ref().map(|wait| wait.value),
        on_error,
    }
}

fn refuse_all(given: &RepliesDraft, kind: Kind, review: &mut Review) {
    let on_reply = given.on_reply.as_ref().map(|it| &it.span);
    let wait = given.wait.as_ref().map(|it| &it.span);
    let on_error = given.on_error.as_ref().map(|it| &it.span);
    let spans = [on_reply, wait, on_error].into_iter().flatten();
    for span in spans {
        let message = format!(
            "nothing is asked by {} socket: there will be no reply",
            kind.with_article()
        );
        let hint = "REQ, ASYNC_REQ and SYNC_SUB ask; take the key away";
        review.add(Flaw::new(span, message).hint(hint));
    }
}
