use super::*;

/// A record as codexpin wrote it before steps were data.
fn of_phases(phase: &str) -> (tempfile::TempDir, Utf8PathBuf) {
    let guard = tempfile::tempdir().unwrap();
    let directory = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
    let record = serde_json::json!({
        "format": 1, "operation": "apply", "at": "2026-11-21T08:00:00Z",
        "from": {"core": "2026.7.1", "plugin": null},
        "to": {"core": "2026.6.1", "plugin": null},
        "installation": {
            "core": {
                "directory": "/npm/lib/node_modules/openclaw", "version": "2026.7.1",
                "node": null, "schema": null, "bin": [["openclaw", "openclaw.mjs"]],
            },
            "prefix": "/npm", "node": {"version": "22.23.3", "bin": "/node/bin"},
            "plugin": null, "state": "/s", "config": "/s/openclaw.json",
            "service": {"unit": "/u/openclaw-gateway.service", "entry": "dist/index.js", "port": 1},
            "on_path_instead": null,
        },
        "parts": [{
            "kind": "core", "live": "/npm/lib/node_modules/openclaw",
            "other": "/npm/lib/node_modules/.codexpin-1/openclaw",
            "before": {"device": 1, "inode": 2}, "after": {"device": 1, "inode": 3},
        }],
        "service_wanted": true, "service_ran": true,
        "config_from": "/b/openclaw.json.earlier", "config_beside": null,
        "saved": [{
            "kind": "config", "path": "/s/openclaw.json", "copy": "openclaw.json",
            "sha256": "00", "schema": null,
        }],
        "phase": phase, "why": null,
    });
    fs_err::write(directory.join(FILE), record.to_string()).unwrap();
    (guard, directory)
}

#[test]
fn a_finished_backup_of_the_format_before_steps_is_read_with_all_that_an_undo_needs() {
    let (_guard, directory) = of_phases("done");
    let journal = ApplyJournal::read(&directory).unwrap();
    assert_eq!(journal.record.progress, Progress::Done);
    assert_eq!(journal.record.parts.len(), 1);
    assert_eq!(journal.saved_config(), Some(directory.join("openclaw.json")));
    assert_eq!(journal.record.placed_config().unwrap(), "/b/openclaw.json.earlier");
}

#[test]
fn an_unfinished_one_of_that_format_is_refused_with_a_sentence_and_a_way_on() {
    let (_guard, directory) = of_phases("swapping-core");
    let error = ApplyJournal::read(&directory).unwrap_err();
    let sentence = error.to_string();
    assert!(sentence.contains("an earlier codexpin began and did not finish"), "{sentence}");
    assert!(sentence.contains("swapping-core"), "{sentence}");
    assert!(error.hint().unwrap().contains("codexpin undo"));
}

#[test]
fn a_damaged_backup_is_named_and_the_others_are_read() {
    let guard = tempfile::tempdir().unwrap();
    let backups = Utf8Path::from_path(guard.path()).unwrap();
    let (_whole, directory) = of_phases("done");
    for (name, text) in [
        ("1-empty", String::new()),
        ("2-cut", "{\"format\": 2, \"oper".to_owned()),
        ("3-other", "{\"format\": 2}".to_owned()),
        ("4-whole", fs_err::read_to_string(directory.join(FILE)).unwrap()),
    ] {
        fs_err::create_dir(backups.join(name)).unwrap();
        fs_err::write(backups.join(name).join(FILE), text).unwrap();
    }
    fs_err::create_dir_all(backups.join("5-directory").join(FILE)).unwrap();
    let all = ApplyJournal::all(backups).unwrap();
    let names: Vec<_> = all.journals.iter().map(ApplyJournal::name).collect();
    assert_eq!(names, ["4-whole"]);
    let damaged: Vec<_> = all.damaged.iter().map(ToString::to_string).collect();
    assert_eq!(damaged.len(), 4, "{damaged:#?}");
    assert!(damaged[0].contains("1-empty/backup.json cannot be read: "), "{damaged:#?}");
    assert!(damaged[3].contains("not a regular file"), "{damaged:#?}");
}
