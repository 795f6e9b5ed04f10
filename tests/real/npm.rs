//! Another npm than the machine's, from the registry that npm is configured for.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::machine::Machine;

/// A directory with npm 12 as `npm`, and a `node` that it runs on. Installed once.
fn npm12() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("npm-12");
    let node = codexpin::node::platform_package();
    let modules = directory.join("node_modules");
    if !modules.join("npm").exists() {
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("package.json"), "{}").unwrap();
        let output = Command::new("npm")
            .args(["install", "npm@12", &format!("{node}@22"), "--no-audit", "--no-fund"])
            .current_dir(&directory)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "npm 12 and a Node for it could not be installed: this test needs the registry that \
             npm is configured for, with npm@12 and {node}@22 in it\n{said}"
        );
    }
    let bin = directory.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let programs = [("npm", "npm/bin/npm-cli.js".to_owned()), ("node", format!("{node}/bin/node"))];
    for (name, program) in programs {
        let _ = std::fs::remove_file(bin.join(name));
        std::os::unix::fs::symlink(modules.join(program), bin.join(name)).unwrap();
    }
    bin
}

#[test]
fn npm_12_runs_openclaws_own_install_scripts_and_those_that_it_does_not_run_are_on_record() {
    let mut machine = Machine::new();
    let bin = npm12();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let version = Command::new("npm").arg("--version").env("PATH", &path).output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    assert!(version.starts_with("12."), "{version}");
    machine.set("PATH", path);

    let marks = json!({ "install": "node -e \"require('fs').writeFileSync('ran', '')\"" });
    machine.registry.publish("scripted-dep", "1.0.0", json!({ "scripts": marks }), &[]);
    let release = json!({ "scripts": marks, "dependencies": { "scripted-dep": "1.0.0" } });
    machine.registry.publish_core("2026.8.1", release);
    let (run, value) = machine.run_json("check 2026.8.1");
    run.exits(0);
    let scripts =
        json!({ "ran": ["openclaw@2026.8.1 install"], "not_run": ["scripted-dep@1.0.0"] });
    assert_eq!(value["install_scripts"], scripts);
    let modules = machine.prefix("2026.8.1").join("core/node_modules");
    assert!(modules.join("openclaw/ran").exists());
    assert!(modules.join("scripted-dep/package.json").exists());
    assert!(!modules.join("scripted-dep/ran").exists());

    machine.run("pin 2026.8.1").exits(0);
    let pins = fs_err::read_to_string(machine.pin_file()).unwrap();
    assert!(pins.contains(r#"scripts_not_run = ["scripted-dep@1.0.0"]"#), "{pins}");
}
