//! The source files as a graph of imports.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;
use regex::Regex;

static COMMENT: LazyLock<Regex> = LazyLock::new(|| Regex::new("//[^\n]*").unwrap());
static TYPE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?m)^(?:pub(?:\([a-z: ]+\))? )?(?:struct|enum|trait|type|union) (\w+)").unwrap()
});
static USE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\buse\s+((?:crate|self|super)\b[^;]*);").unwrap());
static PATH: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b(?:crate|super)(?:::\w+)+").unwrap());

/// The files below `src`, by their module path; unit tests are left out.
pub(crate) struct SourceTree {
    by_module: BTreeMap<Vec<String>, SourceFile>,
}

pub(crate) struct SourceFile {
    pub(crate) path: PathBuf,
    code: String,
}

impl SourceTree {
    pub(crate) fn read() -> Self {
        let mut by_module = BTreeMap::new();
        for path in super::rust_files(Path::new("src")) {
            let module = path.with_extension("");
            let module = module.strip_prefix("src").unwrap().iter();
            let module: Vec<String> =
                module.map(|part| part.to_str().unwrap().to_owned()).collect();
            let is_test = module.iter().any(|part| part == "tests" || part.ends_with("_tests"));
            if is_test || module == ["lib"] || module == ["main"] {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            let code = COMMENT.replace_all(code, "").into_owned();
            by_module.insert(module, SourceFile { path, code });
        }
        Self { by_module }
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = &SourceFile> {
        self.by_module.values()
    }

    /// The groups of files that import each other in a circle. A file and one in
    /// the folder of its name belong together: between those an import counts for
    /// nothing.
    pub(crate) fn cycles(&self) -> Vec<Vec<String>> {
        let modules: Vec<&Vec<String>> = self.by_module.keys().collect();
        let place = |module: &[String]| modules.iter().position(|known| *known == module);
        let mut graph = DiGraphMap::<usize, ()>::new();
        for (from, (module, file)) in self.by_module.iter().enumerate() {
            for imported in file.imports(module) {
                // The longest beginning of the path that is a file.
                let file = (1..=imported.len()).rev().find_map(|end| place(&imported[..end]));
                let Some(to) = file else { continue };
                if !module.starts_with(modules[to]) && !modules[to].starts_with(module) {
                    graph.add_edge(from, to, ());
                }
            }
        }
        let circles = tarjan_scc(&graph).into_iter().filter(|circle| circle.len() > 1);
        let name = |place: usize| modules[place].join("/");
        circles.map(|circle| circle.into_iter().map(name).collect()).collect()
    }
}

impl SourceFile {
    /// The names of its top-level types.
    pub(crate) fn type_names(&self) -> impl Iterator<Item = &str> {
        TYPE.captures_iter(&self.code).map(|found| found.get(1).unwrap().as_str())
    }

    /// What it names of this crate, as paths from the crate's root.
    fn imports(&self, module: &[String]) -> Vec<Vec<String>> {
        let mut paths: Vec<String> =
            PATH.find_iter(&self.code).map(|found| found.as_str().to_owned()).collect();
        for found in USE.captures_iter(&self.code) {
            let tree: String = found[1].split_whitespace().collect::<Vec<_>>().join(" ");
            expand("", &tree, &mut paths);
        }
        paths.iter().filter_map(|path| from_the_root(path, module)).collect()
    }
}

/// Writes `a::{b, c::{d}}` out as `a::b` and `a::c::d`.
fn expand(before: &str, tree: &str, paths: &mut Vec<String>) {
    let Some((prefix, group)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap().trim();
        paths.push(format!("{before}{path}"));
        return;
    };
    let before = format!("{before}{}", prefix.trim());
    let group = group.trim_end().strip_suffix('}').unwrap();
    let (mut depth, mut begin) = (0, 0);
    for (at, character) in group.char_indices().chain([(group.len(), ',')]) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !group[begin..at].trim().is_empty() {
                    expand(&before, group[begin..at].trim(), paths);
                }
                begin = at + 1;
            }
            _ => {}
        }
    }
}

/// `super::x` in `a::b` is `a::x`.
fn from_the_root(path: &str, module: &[String]) -> Option<Vec<String>> {
    let path: Vec<String> = path.split("::").map(str::to_owned).collect();
    let climbs = path.iter().take_while(|part| *part == "super").count();
    Some(match path[0].as_str() {
        "crate" => path[1..].to_vec(),
        "self" => [module, &path[1..]].concat(),
        _ => [&module[..module.len().checked_sub(climbs)?], &path[climbs..]].concat(),
    })
}
