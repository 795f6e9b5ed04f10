//! What a candidate has to find where it is, though its `/tmp` is its own.

use camino::{Utf8Path, Utf8PathBuf};

use super::{Subject, Surroundings};
use crate::question::Ask;

/// The scratch home, the candidate, what it runs on and what is on its PATH;
/// for a command of the user's own, the files that it names as well.
pub(super) fn kept(
    subject: &Subject,
    home: &Utf8Path,
    ask: &Ask,
    surroundings: &Surroundings,
) -> Vec<Utf8PathBuf> {
    let mut kept = vec![home.to_owned(), subject.prefix.clone()];
    kept.extend(subject.node.bin.parent().map(Utf8Path::to_owned));
    // A `node` on PATH may be a link to where it is really installed.
    let node = subject.node.executable().canonicalize_utf8().ok();
    kept.extend(node.iter().filter_map(|node| Some(node.parent()?.parent()?.to_owned())));
    let path = surroundings.environment.get("PATH").unwrap_or_default();
    kept.extend(path.split(':').filter(|name| name.starts_with('/')).map(Utf8PathBuf::from));
    if let Ask::Command(command) = ask {
        kept.extend(surroundings.keep.iter().cloned());
        kept.extend(named_in(command));
    }
    kept
}

/// The absolute paths in a shell command that exist: each with the directory
/// that it is in, where that is not a shared one itself.
fn named_in(command: &str) -> Vec<Utf8PathBuf> {
    let ends = |c: char| c.is_whitespace() || "'\"=;&|<>()`".contains(c);
    let files = command.split(ends).filter(|word| word.starts_with('/')).map(Utf8Path::new);
    files
        .filter(|file| file.exists())
        .flat_map(|file| file.parent().into_iter().chain([file]))
        .map(ToOwned::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_that_a_command_names_are_found_in_it() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        let (script, input) = (root.join("try.sh"), root.join("input"));
        fs_err::write(&script, "").unwrap();
        fs_err::write(&input, "").unwrap();
        let command = format!("FROM={input} '{script}' --fast <{root}/missing; echo /no/such");
        let found = named_in(&command);
        assert_eq!(found, [root.to_owned(), input, root.to_owned(), script]);
    }
}
