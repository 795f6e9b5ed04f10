//! `$include`: a config in several files.
//!
//! The rules are those of docs/gateway/configuration-reference.md, "Config
//! includes", and of `IncludeProcessor` in 2026.5.18, 2026.7.1 and 2026.9.5,
//! which agree: the merge joins lists, merges objects and lets the later value
//! win; settings beside a `$include` come last.

use std::io;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use serde_json::{Map, Value};

use super::{ConfigError, source};
use crate::env::{self, Environment};
use crate::fs::foreign;

const INCLUDE: &str = "$include";
/// How many files may be within each other.
const DEPTH: usize = 10;
/// What a path must be shorter than. Characters.
const PATH_LENGTH: usize = 4096;
/// How large an included file may be. Bytes.
const SIZE: u64 = 2 * 1024 * 1024;
/// Names that `OpenClaw`'s merge leaves out (`isBlockedObjectKey`).
const BLOCKED: [&str; 3] = ["__proto__", "prototype", "constructor"];

/// The config in `path` with all that it includes merged in, as if it were in `place`:
/// what it includes is found from there.
pub(super) fn resolve(
    path: &Utf8Path,
    place: &Utf8Path,
    environment: &Environment,
) -> Result<Value, ConfigError> {
    let error = |source| ConfigError::Read { file: path.to_owned(), source };
    let text = foreign::read_to_string_named(path, foreign::TEXT).map_err(error)?;
    let file = normal(&std::path::absolute(place).map_err(error).and_then(|path| {
        Utf8PathBuf::from_path_buf(path).map_err(|_| error(io::ErrorKind::InvalidFilename.into()))
    })?);
    let mut roots = vec![file.parent().unwrap_or(&file).to_owned()];
    roots.extend(more_roots(environment));
    let tree = Chain { files: vec![file], roots: &roots }.merge(source::parse(path, &text)?)?;
    if tree.is_object() {
        Ok(tree)
    } else {
        Err(ConfigError::NotAnObject { file: path.to_owned() })
    }
}

/// The directories besides the config's own that includes may come from.
fn more_roots(environment: &Environment) -> Vec<Utf8PathBuf> {
    let list = environment.get(env::OPENCLAW_INCLUDE_ROOTS).unwrap_or_default();
    let home = environment.get("HOME").unwrap_or_default();
    let root = |entry: &str| match entry.strip_prefix("~/") {
        Some(rest) if !home.is_empty() => normal(&Utf8Path::new(home).join(rest)),
        _ => normal(Utf8Path::new(entry)),
    };
    list.split(':').map(str::trim).map(root).filter(|root| root.is_absolute()).collect()
}

/// The files from the outermost config to the one that is being read.
struct Chain<'a> {
    files: Vec<Utf8PathBuf>,
    roots: &'a [Utf8PathBuf],
}

impl Chain<'_> {
    fn file(&self) -> &Utf8Path {
        self.files.last().map_or(Utf8Path::new(""), Utf8PathBuf::as_path)
    }

    fn merge(&self, value: Value) -> Result<Value, ConfigError> {
        match value {
            Value::Array(items) => items.into_iter().map(|item| self.merge(item)).collect(),
            Value::Object(mut object) => {
                let include = object.shift_remove(INCLUDE);
                let mut rest = Map::new();
                for (name, value) in object {
                    rest.insert(name, self.merge(value)?);
                }
                let Some(include) = include else { return Ok(Value::Object(rest)) };
                let included = self.included(&include)?;
                if rest.is_empty() {
                    Ok(included)
                } else if included.is_object() {
                    Ok(deep_merge(included, Value::Object(rest)))
                } else {
                    Err(ConfigError::IncludeNotAnObject { file: self.file().to_owned() })
                }
            }
            plain => Ok(plain),
        }
    }

    fn included(&self, include: &Value) -> Result<Value, ConfigError> {
        let not_paths =
            || ConfigError::IncludeNotPaths { file: self.file().to_owned(), limit: PATH_LENGTH };
        match include {
            Value::String(path) => self.read(path),
            Value::Array(paths) => {
                paths.iter().try_fold(Value::Object(Map::new()), |merged, path| {
                    Ok(deep_merge(merged, self.read(path.as_str().ok_or_else(not_paths)?)?))
                })
            }
            _ => Err(not_paths()),
        }
    }

    fn read(&self, path: &str) -> Result<Value, ConfigError> {
        let file = self.file().to_owned();
        let include = normal(&self.file().parent().unwrap_or(self.file()).join(path));
        let too_long = |text: &str| text.chars().count() >= PATH_LENGTH;
        if path.contains('\0') || too_long(path) || too_long(include.as_str()) {
            return Err(ConfigError::IncludeNotPaths { file, limit: PATH_LENGTH });
        }
        self.confine(&include, Utf8Path::to_owned)?;
        if self.files.contains(&include) {
            let chain = self.files.iter().cloned().chain([include]).collect();
            return Err(ConfigError::IncludeCycle { chain });
        }
        if self.files.len() > DEPTH {
            return Err(ConfigError::IncludeTooDeep { file, include, limit: DEPTH });
        }
        let real = match include.canonicalize_utf8() {
            Ok(real) => real,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ConfigError::IncludeMissing { file, include });
            }
            Err(source) => return Err(ConfigError::Read { file: include, source }),
        };
        self.confine(&real, |root| root.canonicalize_utf8().unwrap_or_else(|_| root.to_owned()))?;
        let failed = |source| ConfigError::Read { file: include.clone(), source };
        let metadata = fs_err::metadata(&real).map_err(failed)?;
        if !metadata.is_file() || metadata.len() > SIZE {
            return Err(ConfigError::IncludeUnfit { file, include, limit: SIZE });
        }
        let text = foreign::read_to_string_named(&real, SIZE).map_err(failed)?;
        let value = source::parse(&include, &text)?;
        let files = self.files.iter().cloned().chain([include]).collect();
        Chain { files, roots: self.roots }.merge(value)
    }

    fn confine(
        &self,
        include: &Utf8Path,
        root_as: impl Fn(&Utf8Path) -> Utf8PathBuf,
    ) -> Result<(), ConfigError> {
        if self.roots.iter().any(|root| include.starts_with(root_as(root))) {
            return Ok(());
        }
        Err(ConfigError::IncludeOutside {
            file: self.file().to_owned(),
            include: include.to_owned(),
            root: self.roots.first().cloned().unwrap_or_default(),
        })
    }
}

fn deep_merge(target: Value, source: Value) -> Value {
    match (target, source) {
        (Value::Array(mut target), Value::Array(source)) => {
            target.extend(source);
            Value::Array(target)
        }
        (Value::Object(mut target), Value::Object(source)) => {
            for (name, value) in source {
                if BLOCKED.contains(&name.as_str()) {
                    continue;
                }
                let merged = match target.get_mut(&name) {
                    Some(old) => deep_merge(old.take(), value),
                    None => value,
                };
                target.insert(name, merged);
            }
            Value::Object(target)
        }
        (_, source) => source,
    }
}

/// A path without `.` and `..`, links not followed.
fn normal(path: &Utf8Path) -> Utf8PathBuf {
    let mut normal = Utf8PathBuf::new();
    for part in path.components() {
        match part {
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use fs_err as fs;

    use super::*;

    struct Home {
        _guard: tempfile::TempDir,
        path: Utf8PathBuf,
    }

    fn home(files: &[(&str, &str)]) -> Home {
        let guard = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(guard.path().canonicalize().unwrap()).unwrap();
        for (name, text) in files {
            fs::create_dir_all(path.join(name).parent().unwrap()).unwrap();
            fs::write(path.join(name), text).unwrap();
        }
        Home { _guard: guard, path }
    }

    fn resolved(home: &Home) -> Result<Value, String> {
        let config = home.path.join("c/openclaw.json");
        let resolved = resolve(&config, &config, &Environment::default());
        resolved.map_err(|error| error.to_string().replace(home.path.as_str(), ""))
    }

    #[test]
    fn includes_merge_in_order_and_settings_beside_them_come_last() {
        let home = home(&[
            (
                "c/openclaw.json",
                "{a: {$include: ['./x.json5', 'sub/y.json'], own: 1, list: [4]}, b: [{$include: 'sub/z.json'}]}",
            ),
            ("c/x.json5", "{list: [1], deep: {one: 1, both: 1}, own: 0}"),
            ("c/sub/y.json", "{list: [2, 3], deep: {both: 2}, $include: './z.json'}"),
            ("c/sub/z.json", "{z: true, __proto__: {}}"),
        ]);
        let expected = json!({
            "a": {"list": [1, 2, 3, 4], "deep": {"one": 1, "both": 2}, "own": 1, "z": true},
            "b": [{"z": true, "__proto__": {}}],
        });
        assert_eq!(resolved(&home), Ok(expected));
    }

    #[test]
    fn what_openclaw_refuses_to_include_is_refused_by_name() {
        let huge = format!("'{}'", "x".repeat(usize::try_from(SIZE).unwrap()));
        for (files, expected) in [
            (
                vec![("c/openclaw.json", "{$include: './no.json'}")],
                "/c/openclaw.json includes /c/no.json, which is not there",
            ),
            (
                vec![("c/openclaw.json", "{$include: '../o.json'}"), ("o.json", "{}")],
                "/c/openclaw.json includes /o.json, which is outside /c",
            ),
            (
                vec![("c/openclaw.json", "{$include: 1}")],
                "/c/openclaw.json: a $include must be a path, or a list of paths, shorter than 4096 characters",
            ),
            (
                vec![("c/openclaw.json", "{$include: 'a', b: 1}"), ("c/a", "[]")],
                "/c/openclaw.json: settings beside a $include need a file with an object, and it has something else",
            ),
            (
                vec![
                    ("c/openclaw.json", "{$include: 'a'}"),
                    ("c/a", "{x: {$include: './b'}}"),
                    ("c/b", "{$include: 'a'}"),
                ],
                "the config includes itself: /c/openclaw.json -> /c/a -> /c/b -> /c/a",
            ),
            (
                vec![("c/openclaw.json", "{$include: 'a'}"), ("c/a", &huge)],
                "/c/openclaw.json includes /c/a, which is no regular file of at most 2097152 bytes",
            ),
            (
                vec![("c/openclaw.json", "{$include: 'a'}"), ("c/a", "{\n  a: ?}")],
                "/c/a:2:6 is not JSON5: expected value",
            ),
            (
                vec![("c/openclaw.json", "[]")],
                "/c/openclaw.json is no config: its outermost value is not an object",
            ),
            (vec![("c/other.json", "{}")], "cannot read the config /c/openclaw.json"),
        ] {
            assert_eq!(resolved(&home(&files)), Err(expected.to_owned()));
        }
    }

    #[test]
    fn ten_files_within_each_other_are_read_and_eleven_are_not() {
        for (files, fine) in [(10, true), (11, false)] {
            let name =
                |n: usize| if n == 0 { "c/openclaw.json".to_owned() } else { format!("c/{n}") };
            let texts: Vec<_> =
                (0..files).map(|n| (name(n), format!("{{$include: './{}'}}", n + 1))).collect();
            let mut all: Vec<_> =
                texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
            let last = name(files);
            all.push((&last, "{a: 1}"));
            assert_eq!(resolved(&home(&all)).is_ok(), fine, "{files}");
        }
    }

    #[test]
    fn a_link_does_not_lead_out_unless_its_directory_is_allowed() {
        let home =
            home(&[("c/openclaw.json", "{$include: './in.json'}"), ("o/out.json", "{a: 1}")]);
        fs_err::os::unix::fs::symlink(home.path.join("o/out.json"), home.path.join("c/in.json"))
            .unwrap();
        assert_eq!(
            resolved(&home),
            Err("/c/openclaw.json includes /o/out.json, which is outside /c".to_owned())
        );
        let allowed = Environment::default()
            .with("HOME", home.path.as_str())
            .with(env::OPENCLAW_INCLUDE_ROOTS, "relative:~/o");
        let config = home.path.join("c/openclaw.json");
        assert_eq!(resolve(&config, &config, &allowed).unwrap(), json!({"a": 1}));
    }
}
