//! Which files programs write themselves each time that they begin: followed, they would have them begin for ever. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How soon after a beginning a change is taken for the program's own.
const SOON: Duration = Duration::from_secs(2);
/// How often in a row it has to be so.
const OFTEN: u32 = 3;

/// What has changed of what is followed.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Other than it was, or gone.
    pub changed: BTreeSet<PathBuf>,
    pub new: BTreeSet<PathBuf>,
}

/// Learns it from what changes when.
#[derive(Debug, Default)]
pub(crate) struct Restless {
    begun: Option<Instant>,
    /// How often in a row a file has changed soon, or a folder has got a new one.
    streaks: BTreeMap<PathBuf, u32>,
    /// What is not followed any more.
    quiet: BTreeSet<PathBuf>,
    /// Folders whose new files are not.
    quiet_folders: BTreeSet<PathBuf>,
}

impl Restless {
    /// What is not followed any more.
    pub(crate) fn quiet(&self) -> &BTreeSet<PathBuf> {
        &self.quiet
    }

    /// Agents have begun anew, for what has changed.
    pub(crate) fn on_begun(&mut self, now: Instant) {
        self.begun = Some(now);
    }

    /// Takes in what has changed. Tells what is not followed any more from now on: files, and folders whose new files are not.
    #[must_use]
    pub(crate) fn on_news(&mut self, news: &News, now: Instant) -> Vec<PathBuf> {
        let parent = |path: &PathBuf| path.parent().unwrap_or(Path::new("/")).to_owned();
        for path in &news.new {
            if self.quiet_folders.contains(&parent(path)) {
                self.quiet.insert(path.clone());
            }
        }
        let changed = news.changed.iter().filter(|it| !self.quiet.contains(*it));
        let new = news.new.iter().filter(|it| !self.quiet.contains(*it));
        let keys: BTreeSet<PathBuf> = changed.cloned().chain(new.map(parent)).collect();
        if keys.is_empty() {
            return Vec::new();
        }
        let is_soon = self
            .begun
            .is_some_and(|begun| now.duration_since(begun) < SOON);
        self.streaks.retain(|key, _| is_soon && keys.contains(key));
        let mut all = Vec::new();
        for key in keys.into_iter().filter(|_| is_soon) {
            let streak = self.streaks.entry(key.clone()).or_default();
            *streak += 1;
            if *streak >= OFTEN {
                self.streaks.remove(&key);
                let of_folder = news.new.iter().filter(|it| parent(it) == key);
                let of_folder: Vec<PathBuf> = of_folder.cloned().collect();
                match of_folder.is_empty() {
                    true => drop(self.quiet.insert(key.clone())),
                    false => {
                        self.quiet.extend(of_folder);
                        self.quiet_folders.insert(key.clone());
                    }
                }
                all.push(key);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(path: &str) -> News {
        News {
            changed: [path.into()].into(),
            ..News::default()
        }
    }

    #[test]
    fn what_changes_soon_after_each_beginning_is_left_alone() {
        let (mut restless, mut now) = (Restless::default(), Instant::now());
        assert!(restless.on_news(&changed("/x/state"), now).is_empty());
        for round in 1..=3 {
            restless.on_begun(now);
            now += Duration::from_millis(300);
            let quiet = restless.on_news(&changed("/x/state"), now);
            assert_eq!(quiet.len(), usize::from(round == 3), "{round}");
        }
        assert!(restless.quiet().contains(Path::new("/x/state")));
    }

    #[test]
    fn what_people_save_is_followed_for_ever() {
        let (mut restless, mut now) = (Restless::default(), Instant::now());
        for _ in 0..50 {
            // At times soon, at times later.
            for wait in [300, 300, 5000] {
                now += Duration::from_millis(wait);
                assert!(restless.on_news(&changed("/x/bob.py"), now).is_empty());
                restless.on_begun(now);
            }
        }
    }

    #[test]
    fn a_program_that_puts_down_a_new_file_each_time_is_left_alone_too() {
        let (mut restless, mut now) = (Restless::default(), Instant::now());
        let new = |number: u32| News {
            new: [format!("/x/out/{number}").into()].into(),
            ..News::default()
        };
        for round in 0..6 {
            restless.on_begun(now);
            now += Duration::from_millis(300);
            let quiet = restless.on_news(&new(round), now);
            assert_eq!(quiet.len(), usize::from(round == 2), "{round}");
        }
        assert!(restless.quiet().contains(Path::new("/x/out/5")));
    }
}
