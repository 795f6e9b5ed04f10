//! What the stand-in for `OpenClaw` is told to do in a turn.

use serde_json::{Value, json};

/// The package's entry point.
pub(crate) const SOURCE: &str = include_str!("openclaw/openclaw.mjs");

/// The package's files.
pub(crate) const FILES: [(&str, &str); 10] = [
    ("openclaw.mjs", SOURCE),
    ("agent.mjs", include_str!("openclaw/agent.mjs")),
    ("burglar.mjs", include_str!("openclaw/burglar.mjs")),
    ("doctor.mjs", include_str!("openclaw/doctor.mjs")),
    ("fixture.mjs", include_str!("openclaw/fixture.mjs")),
    ("gateway.mjs", include_str!("openclaw/gateway.mjs")),
    ("models.mjs", include_str!("openclaw/models.mjs")),
    ("plugins.mjs", include_str!("openclaw/plugins.mjs")),
    ("turn.mjs", include_str!("openclaw/turn.mjs")),
    ("upstream.mjs", include_str!("openclaw/upstream.mjs")),
];

pub(crate) fn answers() -> Value {
    json!({ "do": "answer" })
}

/// It wants another access token first, so many times, and gives up.
pub(crate) fn renews_its_login(times: usize) -> Value {
    json!({ "do": "renew its login", "times": times })
}

/// It reads every file and variable that it can reach, under these directories and
/// under `/proc`, and tells where it found which of these secrets.
pub(crate) fn looks_for(secrets: &Value, directories: &[&str]) -> Value {
    json!({ "do": "look for secrets", "secrets": secrets, "directories": directories })
}

/// Another text than the one that was asked for.
pub(crate) fn says(text: &str) -> Value {
    json!({ "do": "answer", "says": text })
}

/// Lines on stdout before the reply.
pub(crate) fn answers_after(lines: &[&str]) -> Value {
    json!({ "do": "answer", "before": lines })
}

/// These payloads, and these changes to what the reply says of itself.
pub(crate) fn answers_with(parts: Value) -> Value {
    let mut script = parts;
    script["do"] = json!("answer");
    script
}

pub(crate) fn answers_without_asking() -> Value {
    json!({ "do": "answer without asking" })
}

/// These lines on stderr, and status 1.
pub(crate) fn fails(line: &str) -> Value {
    json!({ "do": "fail", "lines": [line] })
}

pub(crate) fn unknown_model() -> Value {
    fails("Unknown model: openai-codex/gpt-5.5")
}

/// A turn that is answered, and this on stdout instead of a reply.
pub(crate) fn prints(text: &str) -> Value {
    json!({ "do": "print", "text": text })
}

pub(crate) fn asks_a_removed_address() -> Value {
    json!({ "do": "ask a removed address" })
}

pub(crate) fn leaves_in_the_middle_of_a_request() -> Value {
    json!({ "do": "leave in the middle of a request" })
}

pub(crate) fn asks_the_public_api() -> Value {
    json!({ "do": "ask the public API" })
}

pub(crate) fn hangs() -> Value {
    json!({ "do": "hang" })
}

pub(crate) fn hangs_and_ignores_sigterm() -> Value {
    json!({ "do": "hang and ignore SIGTERM" })
}

pub(crate) fn leaves_a_process_behind() -> Value {
    json!({ "do": "leave a process behind" })
}

pub(crate) fn leaves_a_process_without_environment_behind() -> Value {
    json!({ "do": "leave a process behind", "environment": "emptied" })
}

pub(crate) fn leaves_a_process_behind_and_hangs() -> Value {
    json!({ "do": "leave a process behind", "then": "hang" })
}

pub(crate) fn floods(megabytes: u32) -> Value {
    json!({ "do": "flood", "megabytes": megabytes })
}

/// A turn that is paid for in another way than the login's: with a `key`, or `elsewhere`.
pub(crate) fn bills(how: &str) -> Value {
    json!({ "do": "answer", "billed": how })
}

/// A turn that asks the model again and again: until it is `refused`, or `for ever`.
pub(crate) fn asks_without_end(until: &str) -> Value {
    json!({ "do": "answer", "loops": until })
}

/// A turn in which what a tool gave is not what is told of it.
pub(crate) fn makes_tool_results_up() -> Value {
    json!({ "do": "answer", "tools": "made up" })
}

/// A turn that replies as if the tools had run.
pub(crate) fn runs_no_tool() -> Value {
    json!({ "do": "answer", "tools": "ignored" })
}

/// A turn that stops at the next tool call after so many.
pub(crate) fn stalls_after(calls: u16) -> Value {
    json!({ "do": "answer", "stallsAfter": calls })
}

/// A turn before which these hosts are asked by the proxy, and this port of
/// the machine's own loopback interface is not.
pub(crate) fn wanders(asks: &[&str], connects: u16) -> Value {
    json!({ "do": "answer", "asks": asks, "connects": connects })
}
