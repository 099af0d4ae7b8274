//! The key `include`, and `hosts` where it names a file: files that a file is laid over. To read them is
//! the work of the caller, which asks here for their names.

use super::bytes;
use super::fields::{entries, items};
use super::review::Review;
use super::values;
use super::yaml::{self, Data, Lookup, Node};

/// The files that the one with this content includes, as it calls them. None of a content that
/// cannot be read: what is wrong with it is said when it is loaded.
pub fn included(content: &[u8], lookup: &Lookup<'_>) -> Vec<String> {
    let mut unheard = Review::new();
    let tree = bytes::as_text(content)
        .ok()
        .and_then(|text| yaml::parse(text, lookup, &mut unheard));
    tree.map(|tree| names(&tree, &mut unheard))
        .unwrap_or_default()
}

/// Reports what is no list of names.
pub(super) fn check(root: &Node, review: &mut Review) {
    names(root, review);
}

fn names(root: &Node, review: &mut Review) -> Vec<String> {
    let top = entries(root, "a topology").unwrap_or_default();
    let find = |name: &str| top.iter().find(|(key, _)| key.text == name);
    let items = match find("include") {
        Some((_, section)) => review.take(items(section, "include")).unwrap_or_default(),
        None => &[],
    };
    let texts = items.iter().map(|item| values::text(item, "include"));
    let texts = texts.filter_map(|text| review.take(text));
    let mut names: Vec<String> = texts.map(str::to_owned).collect();
    if let Some((_, node)) = find("hosts")
        && let Some(inventory) = inventory(node)
    {
        names.push(inventory.to_owned());
    }
    names
}

/// The file that `hosts` names, if it names one.
fn inventory(hosts: &Node) -> Option<&str> {
    hosts.text().filter(|_| !hosts.is_null())
}

/// An inventory has been read as a file of its own: what is left to say of hosts is nothing.
pub(super) fn forget_inventory(root: &mut Node) {
    let Data::Map(entries) = &mut root.data else {
        return;
    };
    for (_, node) in entries.iter_mut().filter(|(key, _)| key.text == "hosts") {
        if inventory(node).is_some() {
            node.data = Data::nothing();
        }
    }
}
