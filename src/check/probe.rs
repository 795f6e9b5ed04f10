//! What a tool probe hides in the workspace: files whose content nobody knows
//! who has not read them.

use std::io;

use camino::Utf8Path;

use crate::upstream::loopback::{Script, ScriptedRead};

/// Writes the files that so many tool calls are to read.
pub(super) fn hide(calls: u16, workspace: &Utf8Path) -> io::Result<Script> {
    let reads = (1..=calls).map(|call| {
        let read =
            ScriptedRead { file: workspace.join(format!("probe-{call}.txt")), content: nonce() };
        crate::fs::write_private(&read.file, format!("{}\n", read.content).as_bytes())?;
        Ok(read)
    });
    Ok(Script { reads: reads.collect::<io::Result<_>>()? })
}

/// 128 random bits, of which no two are alike.
pub(super) fn nonce() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    // Keys of the system's own randomness, as the standard library has it for its maps.
    format!("{:016x}{:016x}", RandomState::new().hash_one(0), RandomState::new().hash_one(1))
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::*;

    #[test]
    fn every_tool_call_has_a_file_with_a_content_of_its_own() {
        let guard = tempfile::tempdir().unwrap();
        let workspace = Utf8Path::from_path(guard.path()).unwrap();
        assert!(hide(0, workspace).unwrap().reads.is_empty());
        let script = hide(3, workspace).unwrap();
        let contents: std::collections::BTreeSet<_> = script
            .reads
            .iter()
            .map(|read| {
                let content = std::fs::read_to_string(&read.file).unwrap();
                assert_eq!(content.trim(), read.content);
                content
            })
            .collect();
        assert_eq!(contents.len(), 3);
    }
}
