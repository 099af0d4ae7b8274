//! Key files and join files for others.

use std::path::PathBuf;

use super::{CommandError, Context, Holder, KeyEntry, Keys, Millis, Place, Term, draw, in_seconds};
use crate::model::AgentId;
use crate::state::KeyFile;

/// Writes a join file, and says how it is used.
pub(crate) fn write_join(
    keys: &mut Keys,
    place: &Place,
    holder: Holder,
    (expires, lasts): (Millis, Option<Millis>),
    to: Option<PathBuf>,
    context: &Context,
) -> Result<(), CommandError> {
    let term = Term::Join {
        until: in_seconds(expires),
        lasts: lasts.map(|lasts| lasts.duration().as_secs()),
    };
    let path = to.unwrap_or_else(|| PathBuf::from(format!("{}.join", name_of(&holder))));
    write(keys, place, holder.clone(), term, &path)?;
    let file = path.display();
    let ns = match place.address() {
        Some(address) => address.trim_start_matches("tcp://").to_owned(),
        None => "ADDRESS".to_owned(),
    };
    let usage = match &holder {
        Holder::Agent(name) => format!("osb agent {name} --ns {ns} --join {file}"),
        other => format!("osb host --ns {ns} --name {} --join {file}", name_of(other)),
    };
    context.note(&format!(
        "good once, for {expires}; carry it there by a safe way (scp), and begin with:\n{usage}"
    ));
    context.print_text(&file.to_string())
}

/// Writes the key of an operator.
pub(crate) fn write_operator(
    keys: &mut Keys,
    place: &Place,
    holder: Holder,
    expires: Option<Millis>,
    to: Option<PathBuf>,
    context: &Context,
) -> Result<(), CommandError> {
    let path = to.unwrap_or_else(|| PathBuf::from(format!("{}.key", name_of(&holder))));
    let term = expires.map_or(Term::Lasting, |time| Term::Until(in_seconds(time)));
    write(keys, place, holder, term, &path)?;
    let file = path.display();
    context.note(&format!("to be used with --key {file}, or OSB_KEY={file}"));
    context.print_text(&file.to_string())
}

/// First the file: an admitted key without a file would be of no use.
fn write(
    keys: &mut Keys,
    place: &Place,
    holder: Holder,
    term: Term,
    path: &std::path::Path,
) -> Result<(), CommandError> {
    let own = draw()?;
    let file = KeyFile {
        holder: holder.clone(),
        own: own.clone(),
        server: place.server()?,
        nameserver: place.address(),
        expires: match term {
            Term::Join { until, .. } => Some(until),
            _ => None,
        },
        path: None,
    };
    file.write_new(path)?;
    let entry = KeyEntry::new(own.public, holder, term);
    keys.admit(entry).map_err(|error| {
        let _ = std::fs::remove_file(path);
        error.into()
    })
}

fn name_of(holder: &Holder) -> &str {
    match holder {
        Holder::Operator { name, .. } => name.as_str(),
        Holder::Host(id) => id.name.as_str(),
        Holder::Agent(name) | Holder::Guest(AgentId { name, .. }) => name.as_str(),
    }
}
