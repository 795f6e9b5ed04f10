//! The machine: what of it a known failure comes from.

use super::Facts;
use super::finding::Finding;

/// Below this npm and databases fail in the middle (`ENOSPC`). Bytes.
const FULL: u64 = 200 << 20;
/// A release with its plugin takes up to 0.9 GB, and an upgrade has two of them. Bytes.
const TIGHT: u64 = 2 << 30;
/// Below this, without swap, Gateways were killed or ran out of heap (#96203, #115424). Bytes.
const SMALL: u64 = 2_000_000_000;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    if facts.core.is_none() {
        return Vec::new();
    }
    [disk(facts), memory(facts), namespaces(facts)].into_iter().flatten().collect()
}

pub(super) fn sound(facts: &Facts) -> Option<String> {
    facts.core.as_ref()?;
    facts.machine.free.as_ref().map(|_| "disk and memory will do".to_owned())
}

fn disk(facts: &Facts) -> Option<Finding> {
    let (place, free) = facts.machine.free.as_ref()?;
    let megabytes = free >> 20;
    let finding = if *free < FULL {
        Finding::problem("disk-full", format!("{megabytes} MB are free where the state is"))
            .why("a database that cannot grow fails the turn, and an install breaks off (`ENOSPC`)")
    } else if *free < TIGHT {
        Finding::warning("disk-tight", format!("{megabytes} MB are free where the state is"))
            .why("an upgrade has two releases on disk for a while, of up to 0.9 GB each")
    } else {
        return None;
    };
    Some(finding.file(place).mend("codexpin cache prune"))
}

fn memory(facts: &Facts) -> Option<Finding> {
    let memory = facts.machine.memory.filter(|memory| *memory < SMALL)?;
    if facts.machine.swap? > 0 {
        return None;
    }
    Some(
        Finding::warning(
            "memory-small",
            format!("{} MB of memory and no swap", memory >> 20),
        )
        .why(
            "a Gateway that resumes a long conversation has been killed by the kernel, or ended with \
             `heap out of memory`, in as much as that; no other release needs less",
        )
        .mend("sudo fallocate -l 2G /swapfile && sudo chmod 600 /swapfile")
        .mend("sudo mkswap /swapfile && sudo swapon /swapfile"),
    )
}

/// Codex runs commands in namespaces of its own (`bwrap`).
fn namespaces(facts: &Facts) -> Option<Finding> {
    let allow = facts.machine.namespaces_denied_by.as_ref().filter(|_| facts.runs_codex())?;
    let setting = allow.split('=').next().unwrap_or_default();
    Some(
        Finding::warning("user-namespaces-denied", "the kernel lets no ordinary user make namespaces")
            .key(setting)
            .why(
                "Codex runs every command in some (`bwrap`), so a turn answers and each tool in it \
                 fails (#83599, #85440); an AppArmor profile for the service allows them as well. No \
                 other release does better",
            )
            .mend(format!("sudo sysctl -w {allow}")),
    )
}
