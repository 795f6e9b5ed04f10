//! The sections and settings of a config that a check has no use for, or that
//! would reach beyond it: data, one line a setting.

use serde_json::{Value, json};

use super::change::Edit;
use super::{Key, Scratch};

const CHANNELS: &str = "channels are off in a check";
const MCP: &str = "MCP servers are off in a check";
const SERVICES: &str = "a check starts no other services";
const PROGRAMS: &str = "a check starts no programs of the user's";
const ALONE: &str = "the Gateway of a check is on the loopback interface only";
const HOME: &str = "the check has its own place for it";
const SENDS: &str = "a check reports to nobody";
const SILENT: &str = "nothing but the turn may ask a model";
const COMMANDS: &str = "commands run in the scratch home";
const PERSONAL: &str = "the check has logins of its own";

/// Sections that are taken out, and the members that are told of one by one.
const TOLD_BY_MEMBER: &[(&str, &str, &str)] = &[
    ("channels", "channels.*", CHANNELS),
    ("mcp.servers", "mcp.servers.*", MCP),
    ("mcp", "mcp.*", MCP),
];

/// Taken out, by pattern.
const REMOVED: &[(&str, &str)] = &[
    ("accessGroups", CHANNELS),
    ("approvals", CHANNELS),
    ("bindings", CHANNELS),
    ("broadcast", CHANNELS),
    ("web", CHANNELS),
    ("hooks", "hooks are off in a check"),
    ("acp", PROGRAMS),
    ("audio", PROGRAMS),
    ("canvasHost", SERVICES),
    ("cloudWorkers", SERVICES),
    ("commitments", SILENT),
    ("crestodian", CHANNELS),
    ("desktop", SERVICES),
    ("diagnostics.cacheTrace", SENDS),
    ("diagnostics.otel", SENDS),
    ("discovery.wideArea", ALONE),
    ("env.shellEnv", PROGRAMS),
    ("marketplaces", SERVICES),
    ("memory", SILENT),
    ("messages.tts", SERVICES),
    ("models.catalogRefresh", SERVICES),
    ("nodeHost", SERVICES),
    ("proxy", "the loopback is the proxy"),
    ("secrets", "the check has no secrets to look up"),
    ("security.installPolicy", PROGRAMS),
    ("talk", SERVICES),
    ("transcripts", CHANNELS),
    ("tts", SERVICES),
    ("worktreeRoot", HOME),
    ("session.store", HOME),
    ("skills.install", "a check installs no skills"),
    ("skills.load", "a check has the bundled skills only"),
    ("skills.entries.*.apiKey", "skills have no credentials in a check"),
    ("skills.entries.*.config", "skills have no credentials in a check"),
    ("skills.entries.*.env", "skills have no credentials in a check"),
    ("plugins.installs", "the candidate has its own plugins"),
    ("plugins.load", "the candidate has its own plugins"),
    ("plugins.slots", "plugins that the turn does not need are off"),
    ("plugins.entries.*.apiKey", PERSONAL),
    ("plugins.entries.*.env", PERSONAL),
    ("plugins.entries.codex.config.appServer.args", "the Codex of the candidate runs the turn"),
    (
        "plugins.entries.codex.config.appServer.authToken",
        "the Codex of the candidate runs the turn",
    ),
    ("plugins.entries.codex.config.appServer.command", "the Codex of the candidate runs the turn"),
    ("plugins.entries.codex.config.appServer.headers", "the Codex of the candidate runs the turn"),
    (
        "plugins.entries.codex.config.appServer.transport",
        "the Codex of the candidate runs the turn",
    ),
    ("plugins.entries.codex.config.appServer.url", "the Codex of the candidate runs the turn"),
    ("plugins.entries.codex.config.codexPlugins", "a check installs no plugins of Codex"),
    ("plugins.entries.codex.config.computerUse", "a check installs no plugins of Codex"),
    ("auth.profiles.*.email", PERSONAL),
    ("auth.profiles.*.displayName", PERSONAL),
    ("models.providers.*.localService", PROGRAMS),
    ("models.providers.*.request.proxy", "the loopback is the proxy"),
    ("models.providers.*.request.tls", "the loopback speaks for the service"),
    ("gateway.cliAgents", PROGRAMS),
    ("gateway.controlUi.github", PERSONAL),
    ("gateway.controlUi.root", HOME),
    ("gateway.customBindHost", ALONE),
    ("gateway.http", ALONE),
    ("gateway.nodes", ALONE),
    ("gateway.push", SENDS),
    ("gateway.remote", ALONE),
    ("gateway.tailscale", ALONE),
    ("gateway.tls", ALONE),
    ("gateway.trustedProxies", ALONE),
    ("tools.media", SERVICES),
    ("tools.links", PROGRAMS),
    ("agents.defaults.cliBackends", PROGRAMS),
    ("agents.defaults.repoRoot", HOME),
    ("agents.defaults.sessionStore", HOME),
];

/// Taken out of the agents' defaults and of the agent.
const REMOVED_OF_AGENTS: &[(&str, &str)] = &[
    ("agentDir", HOME),
    ("cwd", HOME),
    ("memory", SILENT),
    ("memorySearch", SILENT),
    ("runtime", PROGRAMS),
    ("sandbox", COMMANDS),
    ("tools.media", SERVICES),
    ("tts", SERVICES),
];

/// Taken out of the tools, of everybody's and of the agent's.
const REMOVED_OF_TOOLS: &[(&str, &str)] = &[
    ("exec.host", COMMANDS),
    ("exec.node", COMMANDS),
    ("exec.pathPrepend", COMMANDS),
    ("exec.safeBinTrustedDirs", COMMANDS),
    ("github", PERSONAL),
];

/// Replaced by these few, where the config has the section at all.
fn off_where_present() -> [(&'static str, Value, &'static str); 4] {
    let off = || json!({ "enabled": false });
    [
        ("browser", off(), "the browser is off in a check"),
        ("cron", off(), "cron jobs are off in a check"),
        ("telemetry", off(), SENDS),
        ("update.auto", off(), "a check updates nothing"),
    ]
}

/// Takes out, and turns off, all of it.
pub(super) fn leave_out(edit: &mut Edit) {
    for (section, members, why) in TOLD_BY_MEMBER {
        remove(edit, members, why);
        edit.remove_empty(&Key::of(section));
        remove(edit, section, why);
    }
    for (pattern, why) in REMOVED {
        remove(edit, pattern, why);
    }
    for (setting, why) in REMOVED_OF_AGENTS {
        for agents in ["agents.defaults", "agents.list.*", "agents.entries.*"] {
            remove(edit, &format!("{agents}.{setting}"), why);
        }
    }
    for (setting, why) in REMOVED_OF_TOOLS {
        for tools in ["tools", "agents.list.*.tools", "agents.entries.*.tools"] {
            remove(edit, &format!("{tools}.{setting}"), why);
        }
    }
    for agents in ["agents.list.*", "agents.entries.*"] {
        remove(edit, &format!("{agents}.heartbeat"), "heartbeats are off in a check");
    }
    for pattern in ["agents.*.*.fallbacks", "agents.*.*.*.fallbacks", "agents.*.*.*.*.fallbacks"] {
        for key in Key::matching(pattern, edit.tree()) {
            edit.set(&key, json!([]), "no other model may answer in the model's place");
        }
    }
}

/// Sets what a check needs, whether the config has it or not. All of it is
/// known to the schemas of 2026.5.12, 2026.5.18, 2026.6.11, 2026.7.1 and 2026.9.5.
pub(super) fn put_in(edit: &mut Edit, scratch: &Scratch<'_>) {
    for (section, value, why) in off_where_present() {
        let key = Key::of(section);
        if key.get(edit.tree()).is_some() {
            edit.set(&key, value, why);
        }
    }
    let own = "the check has a Gateway of its own";
    let token = json!({ "mode": "token", "token": scratch.token.reveal() });
    let workspace = json!(scratch.workspace);
    for (key, value, why) in [
        ("gateway.mode", json!("local"), own),
        ("gateway.bind", json!("loopback"), own),
        ("gateway.port", json!(scratch.port), own),
        ("gateway.auth", token, own),
        ("discovery.mdns.mode", json!("off"), ALONE),
        ("update.checkOnStart", json!(false), "a check updates nothing"),
        ("logging.file", json!(scratch.log()), HOME),
        ("agents.defaults.workspace", workspace.clone(), HOME),
        ("agents.defaults.skipBootstrap", json!(true), "the workspace of a check is empty"),
        ("agents.defaults.heartbeat", json!({ "every": "0m" }), "heartbeats are off in a check"),
    ] {
        edit.set(&Key::of(key), value, why);
    }
    for agents in ["agents.list.*", "agents.entries.*"] {
        for agent in Key::matching(agents, edit.tree()) {
            if agent.get(edit.tree()).is_some_and(Value::is_object) {
                edit.set(&agent.name("workspace"), workspace.clone(), HOME);
            }
        }
    }
}

fn remove(edit: &mut Edit, pattern: &str, why: &str) {
    for key in Key::matching(pattern, edit.tree()) {
        edit.remove(&key, why);
    }
}
