//! Whose line it is. A channel's network, a tool's key or another plugin's export say
//! nothing of the route through which the model is asked.

use std::sync::LazyLock;

use regex::{Regex, RegexSet};

use super::line::Line;
use super::pattern::{pattern, patterns};
use crate::catalogue::Subject;

/// Channels, by the names that their plugins and tags have.
const CHANNELS: &str = "telegram|discord|slack|whatsapp|signal|matrix|imessage|bluebubbles|msteams|\
    teams|googlechat|google-chat|mattermost|nextcloud-talk|feishu|lark|line|irc|nostr|zalo|zalouser|\
    twitch|tlon|weixin|openclaw-weixin|wecom|dingtalk|qqbot|qq|synology-chat|webchat|voice-call";

/// What a channel, a tool, the updater or a plugin is known by.
static ANY: LazyLock<RegexSet> = LazyLock::new(|| {
    patterns([CHANNEL.replace("CHANNELS", CHANNELS).as_str(), TOOL, UPDATER, PLUGIN_TEXT])
});
const IS_CHANNEL: usize = 0;
const IS_TOOL: usize = 1;
const IS_UPDATER: usize = 2;
const NAMES_PLUGIN: usize = 3;
const CHANNEL: &str = concat!(
    r"\[(?:[\w/-]+/)?(?:CHANNELS)(?:/[\w/-]+)?\]|\[plugins\] (?:CHANNELS)\b|",
    r"@openclaw/(?:CHANNELS)\b|\b(?:CHANNELS)\[[\w-]+\]:|api\.telegram\.org|",
    r"discord(?:app)?\.com/api|gateway\.discord\.gg|slack\.com/api|web\.whatsapp\.com|",
    r"open\.feishu\.cn"
);
const TOOL: &str = concat!(
    r"^\[(?:tools?|mcp|browser|memory|media|tts|stt)(?:/[\w/-]+)?\]|\braw_params=|",
    r"\b(?:web_search|web_fetch|image_generate|memory_search|browser) (?:tool )?failed|",
    r"tool result: exit [1-9]|\[tools\]|\bMCP server\b"
);
const UPDATER: &str = concat!(
    r"^\[(?:update|updater)(?:/[\w/-]+)?\]|^OpenClaw update|candidate doctor lint|",
    r"^Failed phase|^Reason code|\bmode=(?:npm|pnpm|git|bun)\b|serviceRestartSafe|^Phase: "
);
const PLUGIN_TEXT: &str = concat!(
    r"^\[plugins?\] (?P<tagged>[\w@/-]+)[ :]|/npm/projects/openclaw-(?P<project>[a-z0-9-]+?)-[0-9a-f]{4,}|",
    r"@openclaw/(?P<package>[a-z0-9-]+)|\bplugin(?:=\x22?|:? \x22)(?P<named>[\w@/-]+)"
);
/// A plugin that is not the route's own.
static PLUGIN: LazyLock<Regex> = LazyLock::new(|| pattern(PLUGIN_TEXT));
/// The hosts through which the model is asked.
static ROUTE_HOST: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b(?:openai|chatgpt)\.com\b"));
static HOST: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:ENOTFOUND|EAI_AGAIN) (?P<name>[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)|https?://(?P<address>[\w.-]+)",
    )
});

/// What a channel hands on: the agent's reply, or what it says of OpenAI.
static HANDED_ON: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b(?:sent|replied)\b|(?i:openai|chatgpt)|\bgpt-\d"));

/// Whose line this is; none where it may be the turn's own.
pub fn owner(line: &Line) -> Option<Subject> {
    let text = line.text.as_str();
    // What the turn itself ended with is the turn's, whoever is named in it.
    if text.contains("run agent end") || text.contains("failed before reply") {
        return None;
    }
    let names = ANY.matches(text);
    if names.matched(IS_TOOL) {
        return Some(Subject::Tool);
    }
    if names.matched(IS_CHANNEL) {
        return (!HANDED_ON.is_match(text)).then_some(Subject::Channel);
    }
    if names.matched(NAMES_PLUGIN) && speaks_of_another_plugin(text) {
        return Some(Subject::Plugin);
    }
    if names.matched(IS_UPDATER) {
        return Some(Subject::Updater);
    }
    if ["systemd", "kernel", "systemd-oomd"].map(Some).contains(&line.program.as_deref()) {
        return Some(Subject::Gateway);
    }
    let gateway = [
        "Gateway failed to start",
        "gateway closed",
        "gateway timeout",
        "127.0.0.1:18789",
        "rpcOk=",
    ];
    if text.starts_with("[gateway]") || gateway.iter().any(|words| text.contains(words)) {
        return Some(Subject::Gateway);
    }
    None
}

/// Whether a line names a plugin, and not the one that asks the model.
pub fn speaks_of_another_plugin(text: &str) -> bool {
    PLUGIN.captures_iter(text).any(|found| {
        let name = ["tagged", "project", "package", "named"].iter().find_map(|n| found.name(n));
        name.is_some_and(|name| {
            let name = name.as_str().trim_start_matches("@openclaw/");
            // The route's own; and words that follow the tag without being a name.
            let own =
                ["codex", "openai", "openai-codex", "plugin", "duplicate", "failed", "loaded"];
            !own.contains(&name)
        })
    })
}

impl Line {
    /// Whether it names a host, and none through which the model is asked.
    pub fn names_another_host(&self) -> bool {
        let mut hosts = HOST.captures_iter(&self.text).filter_map(|found| {
            found.name("name").or(found.name("address")).map(|host| host.as_str().to_owned())
        });
        let local = |host: &str| host.starts_with("127.") || host == "localhost";
        let another = hosts.any(|host| !ROUTE_HOST.is_match(&host) && !local(&host));
        another && !ROUTE_HOST.is_match(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Subject> {
        owner(&Line { text: text.to_owned(), ..Line::default() })
    }

    #[test]
    fn a_line_is_told_by_its_tag_its_plugin_and_its_host() {
        for (text, subject) in [
            ("[telegram] polling failed: 409", Some(Subject::Channel)),
            (
                "[gateway/channels/feishu] feishu[default]: failed to dispatch",
                Some(Subject::Channel),
            ),
            ("[slack] sent: Missing API key for OpenAI on the gateway.", None),
            ("[plugins] plugin state store open failed: x", None),
            ("[plugins] discord failed to load from /x", Some(Subject::Channel)),
            ("[plugins] exa failed to load from /x", Some(Subject::Plugin)),
            ("[plugins] codex failed to load from /x", None),
            ("[tools] web_search failed: x", Some(Subject::Tool)),
            ("[agent/embedded] embedded run agent end: isError=true error=[telegram]", None),
            ("[diagnostic] lane task error: x", None),
        ] {
            assert_eq!(of(text), subject, "{text}");
        }
        let names =
            |text: &str| Line { text: text.to_owned(), ..Line::default() }.names_another_host();
        assert!(names("getaddrinfo EAI_AGAIN api.search.example"));
        assert!(!names("getaddrinfo EAI_AGAIN chatgpt.com"));
        assert!(!names("read ECONNRESET"));
    }
}
