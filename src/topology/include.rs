//! The key `include`: files that a file is laid over. To read them is the caller's business, who
//! asks here for their names.

use super::bytes;
use super::fields::{entries, items};
use super::review::Review;
use super::values;
use super::yaml::{self, Lookup, Node};

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
    let Some((_, section)) = top.iter().find(|(key, _)| key.text == "include") else {
        return Vec::new();
    };
    let items = review.take(items(section, "include")).unwrap_or_default();
    let texts = items.iter().map(|item| values::text(item, "include"));
    let texts = texts.filter_map(|text| review.take(text));
    texts.map(str::to_owned).collect()
}
