//! Where the lock files of a pin are: below the directory of the pin file, as real
//! files. A pin file comes out of other people's repositories, and so does a link.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::PinFileError;

/// The place of a file that a pin names, to be read or to be written.
pub(crate) fn beside(directory: &Utf8Path, named: &Utf8Path) -> Result<Utf8PathBuf, PinFileError> {
    let mut path = directory.to_owned();
    for component in named.components() {
        let Utf8Component::Normal(name) = component else {
            return Err(PinFileError::LockOutside { path: named.to_owned() });
        };
        path.push(name);
        if path.is_symlink() {
            return Err(PinFileError::LockIsLink { path });
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_below_the_directory_or_is_a_link_is_refused() {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(guard.path()).unwrap();
        fs_err::create_dir(root.join("real")).unwrap();
        for (target, link) in [("real", "linked"), ("nowhere", "dangling"), ("../x", "real/file")] {
            std::os::unix::fs::symlink(target, root.join(link)).unwrap();
        }
        for (named, said) in [
            ("real/core.json", ""),
            ("new/core.json", ""),
            ("../core.json", "is not below the pin file's directory"),
            ("real/../../core.json", "is not below the pin file's directory"),
            ("/etc/passwd", "is not below the pin file's directory"),
            ("linked/core.json", "linked is a symbolic link"),
            ("dangling/core.json", "dangling is a symbolic link"),
            ("real/file", "real/file is a symbolic link"),
        ] {
            let error = beside(root, named.into()).err().map(|error| error.to_string());
            let error = error.unwrap_or_default();
            assert!(
                error.contains(said) && error.is_empty() == said.is_empty(),
                "{named}: {error}"
            );
        }
    }
}
