//! The commands of packages that lie in `node_modules`, linked as npm links them
//! (`bin-links` 5), where nothing else of `npm rebuild` is needed.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::lockfile::PlacedPackage;
use crate::fs::foreign;

/// Links the commands of a project's packages. False where npm has to do more than that: a
/// package has a script, is to be compiled, or has a command that is not plain.
pub(crate) fn link(project: &Utf8Path, packages: &[PlacedPackage]) -> io::Result<bool> {
    let plain = |package: &PlacedPackage| {
        !package.has_install_script && !project.join(&package.place).join("binding.gyp").exists()
    };
    if !packages.iter().all(plain) {
        return Ok(false);
    }
    let mut links = BTreeMap::new();
    for package in packages {
        let Some(commands) = &package.commands else { return Ok(false) };
        for (name, file) in commands {
            let Some((at, target)) = link_of(project, &package.place, name, file)? else {
                return Ok(false);
            };
            // Two packages have a command of this name: npm knows whose it is.
            if links.insert(at, target).is_some() {
                return Ok(false);
            }
        }
    }
    for (at, target) in links {
        if let Some(directory) = at.parent() {
            fs::create_dir_all(directory)?;
        }
        fs_err::os::unix::fs::symlink(target, at)?;
    }
    Ok(true)
}

/// Where a command's link is, and where it leads; none where npm does more.
fn link_of(
    project: &Utf8Path,
    place: &Utf8Path,
    name: &str,
    file: &str,
) -> io::Result<Option<(Utf8PathBuf, Utf8PathBuf)>> {
    // The last `node_modules` above it; a scope is a directory of its own.
    let modules = place.ancestors().skip(1).find(|above| above.file_name() == Some("node_modules"));
    let Some(modules) = modules else { return Ok(None) };
    let package = place.strip_prefix(modules).unwrap_or(place);
    let mut parts = Utf8Path::new(file).components();
    let inside = parts.all(|part| matches!(part, camino::Utf8Component::Normal(_)));
    if name.is_empty() || name.starts_with('.') || name.contains('/') || !inside {
        return Ok(None);
    }
    let Ok(program) = foreign::open_below(project, &place.join(file)) else { return Ok(None) };
    let mut line = Vec::new();
    BufReader::new(program.take(4096)).read_until(b'\n', &mut line)?;
    // npm writes such a program anew.
    if line.ends_with(b"\r\n") {
        return Ok(None);
    }
    let at = project.join(modules).join(".bin").join(name);
    // A tarball may bring along what npm would replace.
    if at.symlink_metadata().is_ok() {
        return Ok(None);
    }
    Ok(Some((at, ["..".into(), package.to_owned(), file.into()].iter().collect())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(place: &str, commands: &[(&str, &str)]) -> PlacedPackage {
        let owned = |&(name, file): &(&str, &str)| (name.to_owned(), file.to_owned());
        PlacedPackage {
            place: place.into(),
            id: "dep@1.0.0".to_owned(),
            integrity: String::new(),
            has_install_script: false,
            commands: Some(commands.iter().map(owned).collect()),
        }
    }

    fn project(files: &[&str]) -> (tempfile::TempDir, Utf8PathBuf) {
        let guard = tempfile::tempdir().unwrap();
        let project = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        for file in files {
            let path = project.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "#!/usr/bin/env node\n").unwrap();
        }
        (guard, project)
    }

    #[test]
    fn commands_are_linked_beside_their_packages_scoped_and_nested_ones_too() {
        let places = ["node_modules/a", "node_modules/@s/b", "node_modules/a/node_modules/c"];
        let (_guard, project) = project(
            &places.map(|place| format!("{place}/lib/cli.js")).each_ref().map(String::as_str),
        );
        let packages =
            places.map(|place| package(place, &[(&place[place.len() - 1..], "lib/cli.js")]));
        assert!(link(&project, &packages).unwrap());
        for (at, to) in [
            ("node_modules/.bin/a", "../a/lib/cli.js"),
            ("node_modules/.bin/b", "../@s/b/lib/cli.js"),
            ("node_modules/a/node_modules/.bin/c", "../c/lib/cli.js"),
        ] {
            assert_eq!(project.join(at).read_link_utf8().unwrap(), to);
            assert!(project.join(at).exists(), "{at}");
        }
    }

    #[test]
    fn a_command_that_is_there_already_is_left_to_npm() {
        let (_guard, project) = project(&["node_modules/a/cli.js", "node_modules/.bin/x"]);
        assert!(!link(&project, &[package("node_modules/a", &[("x", "cli.js")])]).unwrap());
        assert!(project.join("node_modules/.bin/x").is_file());
    }

    #[test]
    fn what_npm_would_do_more_for_is_left_to_npm() {
        let (_guard, project) = project(&[
            "node_modules/a/cli.js",
            "node_modules/b/cli.js",
            "node_modules/g/binding.gyp",
        ]);
        fs::write(project.join("node_modules/a/dos.js"), "#!/usr/bin/env node\r\n1\r\n").unwrap();
        let scripted = PlacedPackage { has_install_script: true, ..package("node_modules/a", &[]) };
        for packages in [
            vec![scripted],
            vec![package("node_modules/g", &[])],
            vec![PlacedPackage { commands: None, ..package("node_modules/a", &[]) }],
            vec![package("node_modules/a", &[("x", "dos.js")])],
            vec![package("node_modules/a", &[("x", "../b/cli.js")])],
            vec![package("node_modules/a", &[("x", "missing.js")])],
            vec![package("node_modules/a", &[("../x", "cli.js")])],
            vec![
                package("node_modules/a", &[("x", "cli.js")]),
                package("node_modules/b", &[("x", "cli.js")]),
            ],
        ] {
            assert!(!link(&project, &packages).unwrap(), "{packages:?}");
            assert!(!project.join("node_modules/.bin").exists(), "{packages:?}");
        }
    }
}
