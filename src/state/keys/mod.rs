//! Keys on disk: a folder for each closed name server, with its own key, its owner's, and the list
//! of the keys that are admitted; and the files by which others are admitted.
//!
//! What is secret is in files of mode 0600 in folders of mode 0700, made anew and never followed
//! through a link. A file that others can read is not used.

mod file;
mod log;
mod secret;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::{StateDir, StateError, own};
use crate::access::KeyChange;
use crate::model::{
    Holder, HostName, KeyEntry, KeyPair, NameServerName, OperatorAccess, OperatorName, PublicKey,
    SystemName, Term,
};
use crate::owned::Folder;
use crate::zeromq;

pub use file::KeyFile;
pub use log::KeyLog;

/// The folder of the keys of one name server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDir(PathBuf);

/// The keys of a name server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerKeys {
    /// By which it is known.
    pub present: KeyPair,
    /// By which it was known before.
    pub former: Option<FormerServerKey>,
}

/// The key that a name server had before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormerServerKey {
    /// Both halves.
    pub keys: KeyPair,
    /// Until when members may dial by it, in seconds since 1970. Later it only serves to tell them so.
    pub until: u64,
    /// Those before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<PublicKey>,
}

impl StateDir {
    /// Where the keys of a system are. They outlive it: a member that has joined it may join it again.
    pub fn keys(&self, system: &SystemName, group: Option<&NameServerName>) -> KeyDir {
        // No system is called so, and no file of a folder of keys.
        let dir = self.path().join(".keys").join(system.as_str());
        KeyDir(match group {
            Some(group) => dir.join(format!("@{group}")),
            None => dir,
        })
    }
}

impl StateDir {
    /// Where a member that has joined by the join file of that key keeps its own key.
    pub fn joined(&self, by: &PublicKey) -> PathBuf {
        let number: String = by
            .as_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.path().join(".joined").join(format!("{number}.key"))
    }

    /// Makes the folder of such keys.
    pub fn make_joined(&self) -> Result<(), StateError> {
        own::make_closed(&self.path().join(".joined"))
    }
}

impl KeyDir {
    /// The folder at `path`, as a process that works with it is told it.
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn exists(&self) -> bool {
        self.server_path().exists()
    }

    /// Whether it, or the folder of one of its system's other name servers, has a name server's key.
    fn exist_for_any(&self) -> bool {
        let others = own::names(&self.0).unwrap_or_default();
        let mut others = others.iter().map(|name| Self(self.0.join(name)));
        self.exists() || others.any(|it| it.exists())
    }

    /// Makes the folder with new keys, `server` and `owner`, if it is not there. Tells whether it
    /// was made. Its owner may do everything.
    pub fn init(&self, server: &KeyPair, owner: &KeyPair) -> Result<bool, StateError> {
        if self.exists() {
            return Ok(false);
        }
        own::make_closed(&self.0)?;
        // Two at once would each make half of it.
        let _turn = self.turn()?;
        if self.exists() {
            return Ok(false);
        }
        let holder = owner_of();
        let file = KeyFile {
            holder: holder.clone(),
            own: owner.clone(),
            server: server.public,
            nameserver: None,
            expires: None,
            path: None,
        };
        // The name server's key is written last: with it the folder is there.
        file.write(&self.operator_path())?;
        let entry = KeyEntry {
            admitted_by: Some(holder.clone()),
            ..KeyEntry::lasting(owner.public, holder)
        };
        log::begin(&self.members_path(), &[KeyChange::Admit(Box::new(entry))])?;
        let key = serde_json::to_vec(server).unwrap_or_default();
        match secret::write_own(&self.server_path(), &key) {
            // Another command was faster.
            Err(StateError::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
                Ok(false)
            }
            outcome => outcome.map(|()| true),
        }
    }

    /// Waits for its turn to make keys here.
    fn turn(&self) -> Result<Flock<File>, StateError> {
        let path = self.0.join("lock");
        let failed = |error| StateError::io("lock", &path, error);
        let file = own::open_or_make(&path).map_err(failed)?;
        Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| failed(errno.into()))
    }

    /// Makes the keys if there are none, and forgets those of the last run. Before a name server is
    /// launched.
    pub fn ready(&self) -> Result<(), StateError> {
        let drawn = || {
            zeromq::draw_keys()
                .map_err(|error| StateError::io("draw keys for", &self.0, io::Error::other(error)))
        };
        match self.exists() {
            true => self.forget_run(),
            false => self.init(&drawn()?, &drawn()?).map(drop),
        }
    }

    /// The keys of a name server of this machine that were made on another. Keys that have been admitted here before
    /// still are, if it is the same name server: what it has written since is nowhere else. Its owner's is in any case.
    pub fn install(&self, server: &KeyPair, members: &[KeyEntry]) -> Result<(), StateError> {
        if self.exists() && self.has_had(&server.public)? {
            self.forget_run()?;
            let failed = |error| StateError::io("write", &self.members_path(), error);
            let (mut log, _) = self.log()?;
            let mut owners = members.iter().filter(|it| it.holder == owner_of());
            let mut admit =
                |entry: &KeyEntry| log.write(&KeyChange::Admit(Box::new(entry.clone())));
            return owners.try_for_each(|entry| admit(entry).map_err(failed));
        }
        self.remove()?;
        own::make_closed(&self.0)?;
        let members: Vec<KeyChange> = members
            .iter()
            .map(|entry| KeyChange::Admit(Box::new(entry.clone())))
            .collect();
        log::begin(&self.members_path(), &members)?;
        let key = serde_json::to_vec(server).unwrap_or_default();
        secret::write_own(&self.server_path(), &key)
    }

    /// The key of the name server itself.
    pub fn server(&self) -> Result<KeyPair, StateError> {
        let path = self.server_path();
        let bytes = secret::read(&path)?;
        serde_json::from_slice(&bytes).map_err(|error| StateError::Corrupt {
            path,
            reason: error.to_string(),
        })
    }

    /// That key, and the one before it, if it has been another.
    pub fn server_keys(&self) -> Result<ServerKeys, StateError> {
        let present = self.server()?;
        let former = self.former()?;
        // One that is the present one still: the other was never written.
        let former = former.filter(|it| it.keys.public != present.public);
        Ok(ServerKeys { present, former })
    }

    fn former(&self) -> Result<Option<FormerServerKey>, StateError> {
        let path = self.former_path();
        if !path.exists() {
            return Ok(None);
        }
        let bytes = secret::read(&path)?;
        let former = serde_json::from_slice(&bytes);
        former.map(Some).map_err(|_| StateError::Corrupt {
            path,
            reason: "it is no former key of osb's".to_owned(),
        })
    }

    /// Whether that is the name server's key, or was.
    pub fn has_had(&self, key: &PublicKey) -> Result<bool, StateError> {
        let former = self.former()?;
        let had = |it: &FormerServerKey| it.keys.public == *key || it.before.contains(key);
        Ok(self.server()?.public == *key || former.is_some_and(|it| had(&it)))
    }

    /// Another key for the name server; the one that it has is good until then, in seconds since 1970. Both are on the
    /// disk when this returns. Tells the former one.
    pub fn rotate_server(&self, new: &KeyPair, until: u64) -> Result<KeyPair, StateError> {
        let ServerKeys { present, former } = self.server_keys()?;
        let before = former.map_or_else(Vec::new, |it| {
            let mut before = it.before;
            before.push(it.keys.public);
            before
        });
        let former = FormerServerKey {
            keys: present.clone(),
            until,
            before,
        };
        let former = serde_json::to_vec(&former).unwrap_or_default();
        secret::replace(&self.former_path(), &former)?;
        let key = serde_json::to_vec(new).unwrap_or_default();
        secret::replace(&self.server_path(), &key)?;
        Ok(present)
    }

    /// The key of its owner.
    pub fn operator(&self) -> Result<KeyFile, StateError> {
        KeyFile::read(&self.operator_path())
    }

    /// Puts another key in place of the owner's.
    pub fn replace_operator(&self, own: &KeyPair) -> Result<(), StateError> {
        let file = KeyFile {
            own: own.clone(),
            ..self.operator()?
        };
        secret::replace(&self.operator_path(), &file.to_bytes())
    }

    /// Which keys are admitted, and where to write down what becomes of that.
    pub fn log(&self) -> Result<(KeyLog, Vec<KeyChange>), StateError> {
        KeyLog::open(&self.members_path())
    }

    /// Keys that were admitted for one run of the system are admitted no more.
    fn forget_run(&self) -> Result<(), StateError> {
        log::compact(&self.members_path(), |entry| entry.term != Term::Run)
    }

    /// Writes the key of a host daemon of this machine, and tells where. There is no other key in the folder yet if the name
    /// server is one that others run.
    pub(crate) fn write_host(&self, host: &HostName, key: &KeyFile) -> Result<PathBuf, StateError> {
        own::make_closed(&self.0)?;
        let path = self.host_path(host);
        key.write(&path)?;
        Ok(path)
    }

    /// The file with the key of a host daemon of this machine.
    pub(crate) fn host_path(&self, host: &HostName) -> PathBuf {
        self.0.join(format!("host-{host}.key"))
    }

    /// The folder of its name server's journal, which is made if need be.
    pub(crate) fn journal(&self) -> Result<Folder, StateError> {
        let path = self.journal_path();
        own::make_closed(&path)?;
        own::closed(&path).map_err(|error| StateError::io("open", &path, error))
    }

    /// Where that is.
    pub(crate) fn journal_path(&self) -> PathBuf {
        self.0.join("journal")
    }

    fn server_path(&self) -> PathBuf {
        self.0.join("nameserver.key")
    }

    fn former_path(&self) -> PathBuf {
        self.0.join("nameserver.former.key")
    }

    /// The file with the key of its owner.
    pub fn operator_path(&self) -> PathBuf {
        self.0.join("operator.key")
    }

    fn members_path(&self) -> PathBuf {
        self.0.join("members.jsonl")
    }

    /// Removes all.
    pub fn remove(&self) -> Result<(), StateError> {
        match own::check(&self.0).and_then(|()| fs::remove_dir_all(&self.0)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StateError::io("remove", &self.0, error))
            }
            _ => Ok(()),
        }
    }
}

impl StateDir {
    /// The systems that have keys of a name server here, in order of their names.
    pub fn systems_with_keys(&self) -> Result<Vec<SystemName>, StateError> {
        let mut systems = StateDir::at(self.path().join(".keys")).systems()?;
        systems.retain(|system| self.keys(system, None).exist_for_any());
        Ok(systems)
    }
}

/// The operator that has made the keys.
fn owner_of() -> Holder {
    Holder::Operator {
        name: OperatorName::owner(),
        access: OperatorAccess::Admin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Keyring;
    use crate::model::{Access, PublicKey, SecretKey};
    use std::os::unix::fs::PermissionsExt;

    fn pair(n: u8) -> KeyPair {
        KeyPair {
            public: PublicKey::of([n; 32]),
            secret: SecretKey::of([n; 32]),
        }
    }

    fn keys(temp: &tempfile::TempDir) -> KeyDir {
        let all = StateDir::at(temp.path().join("osb"));
        all.keys(&"x".parse().unwrap(), None)
    }

    #[test]
    fn keys_are_made_once_and_for_their_owner_alone() {
        let temp = tempfile::tempdir().unwrap();
        let dir = keys(&temp);
        assert!(dir.init(&pair(1), &pair(2)).unwrap());
        assert!(!dir.init(&pair(3), &pair(4)).unwrap());
        assert_eq!(dir.server().unwrap(), pair(1));
        let credentials = dir.operator().unwrap().credentials();
        assert_eq!(
            (credentials.own, credentials.server),
            (pair(2), pair(1).public)
        );
        for file in ["nameserver.key", "operator.key", "members.jsonl"] {
            let mode = fs::metadata(dir.path().join(file)).unwrap().permissions();
            assert_eq!(mode.mode() & 0o777, 0o600, "{file}");
        }
        let mode = fs::metadata(dir.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let ring = Keyring::recall(dir.log().unwrap().1);
        let owner = ring.look_up(&pair(2).public, 0).unwrap();
        assert_eq!(ring.access(owner), Some(Access::Admin));
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_elsewhere_is_not_used() {
        let temp = tempfile::tempdir().unwrap();
        let dir = keys(&temp);
        dir.init(&pair(1), &pair(2)).unwrap();
        let path = dir.path().join("operator.key");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = dir.operator().unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let elsewhere = temp.path().join("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        assert!(dir.operator().is_err());
        fs::remove_file(&path).unwrap();
        fs::rename(&elsewhere, &path).unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o770)).unwrap();
        assert!(
            dir.operator()
                .unwrap_err()
                .to_string()
                .contains("chmod 700")
        );
    }

    #[test]
    fn keys_that_are_admitted_for_a_run_are_forgotten_with_it() {
        let temp = tempfile::tempdir().unwrap();
        let dir = keys(&temp);
        dir.init(&pair(1), &pair(2)).unwrap();
        let (mut log, _) = dir.log().unwrap();
        for (n, term) in [(3, Term::Run), (4, Term::Lasting)] {
            let holder = Holder::Host("lab1".parse().unwrap());
            let entry = KeyEntry::new(pair(n).public, holder, term);
            log.write(&KeyChange::Admit(Box::new(entry))).unwrap();
        }
        drop(log);
        dir.forget_run().unwrap();
        let ring = Keyring::recall(dir.log().unwrap().1);
        assert!(ring.look_up(&pair(3).public, 0).is_err());
        assert!(ring.look_up(&pair(4).public, 0).is_ok());
    }

    #[test]
    fn another_key_and_the_former_one_are_kept_and_found_again() {
        let temp = tempfile::tempdir().unwrap();
        let dir = keys(&temp);
        dir.init(&pair(1), &pair(2)).unwrap();
        assert_eq!(dir.server_keys().unwrap().former, None);
        assert_eq!(dir.rotate_server(&pair(3), 500).unwrap(), pair(1));
        assert_eq!(dir.rotate_server(&pair(4), 700).unwrap(), pair(3));
        let ServerKeys { present, former } = dir.server_keys().unwrap();
        let former = former.unwrap();
        assert_eq!(present, pair(4));
        assert_eq!((former.keys.clone(), former.until), (pair(3), 700));
        let mode = fs::metadata(dir.former_path()).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        for (n, had) in [(1, true), (3, true), (4, true), (5, false)] {
            assert_eq!(dir.has_had(&pair(n).public).unwrap(), had, "{n}");
        }
        // What the owner's machine has of it is older: the key that was rotated away does not come back.
        dir.install(&pair(1), &[]).unwrap();
        assert_eq!(dir.server().unwrap(), pair(4));
        // Cut off between the two files, nothing has changed.
        let former = FormerServerKey {
            keys: pair(4),
            ..former
        };
        let bytes = serde_json::to_vec(&former).unwrap();
        secret::replace(&dir.former_path(), &bytes).unwrap();
        assert_eq!(dir.server_keys().unwrap().former, None);
    }

    #[test]
    fn another_key_of_the_name_server_is_written_to_a_file_of_the_users() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("ana.key");
        let file = KeyFile {
            holder: owner_of(),
            own: pair(2),
            server: pair(1).public,
            nameserver: None,
            expires: None,
            path: None,
        };
        file.write_new(&path).unwrap();
        KeyFile::note_server(&path, pair(3).public).unwrap();
        let read = KeyFile::read_named(&path).unwrap();
        assert_eq!((read.server, read.own), (pair(3).public, pair(2)));
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_torn_line_at_the_end_is_no_key_and_any_other_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let dir = keys(&temp);
        dir.init(&pair(1), &pair(2)).unwrap();
        let path = dir.path().join("members.jsonl");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [&whole[..], b"{\"admit\":"].concat()).unwrap();
        let (mut log, changes) = dir.log().unwrap();
        assert_eq!(changes.len(), 1);
        log.write(&KeyChange::Drop(pair(2).public)).unwrap();
        assert!(matches!(dir.log(), Err(StateError::KeysInUse { .. })));
        drop(log);
        assert_eq!(dir.log().unwrap().1.len(), 2);
        fs::write(&path, [b"nonsense\n", &whole[..]].concat()).unwrap();
        assert!(matches!(dir.log(), Err(StateError::Corrupt { .. })));
    }
}
