//! The words after `openclaw`, each command in one place.

/// One turn of one agent, as `openclaw agent` is documented for scripts. How much it
/// thinks is left to the release: no value of `--thinking` is taken for every model.
#[derive(Debug, Clone, Copy)]
pub struct AgentTurn<'a> {
    /// Which agent.
    pub agent: &'a str,
    /// `OpenClaw`'s own word for a conversation is session.
    pub conversation: &'a str,
    /// What is asked.
    pub message: &'a str,
    /// How long the release itself lets the turn take; none for its default.
    pub timeout_s: Option<u64>,
    /// In this process, without the Gateway.
    pub local: bool,
}

impl AgentTurn<'_> {
    /// `agent ...`
    pub fn words(&self) -> Vec<String> {
        let mut words = vec!["agent"];
        words.extend(self.local.then_some("--local"));
        words.extend(["--agent", self.agent, "--session-id", self.conversation]);
        words.extend(["--message", self.message]);
        let seconds = self.timeout_s.map(|seconds| seconds.to_string());
        if let Some(seconds) = &seconds {
            words.extend(["--timeout", seconds]);
        }
        words.push("--json");
        owned(&words)
    }
}

/// What is asked of an agent, so that its whole answer is known.
pub fn reply_exactly(reply: &str) -> String {
    format!("Reply exactly: {reply}")
}

/// A Gateway in the foreground.
pub fn gateway_run(port: u16) -> Vec<String> {
    owned(&["gateway", "run", "--port", &port.to_string()])
}

/// The release's own migrations, without questions.
pub fn doctor_fix() -> Vec<String> {
    owned(&["doctor", "--fix", "--non-interactive"])
}

/// Every model that a release knows for a provider.
pub fn models_list(provider: &str) -> Vec<String> {
    owned(&["models", "list", "--all", "--provider", provider, "--json"])
}

/// A new login; `method` is `oauth` or `device-code`.
pub fn models_login(provider: &str, method: &str) -> Vec<String> {
    owned(&["models", "auth", "login", "--provider", provider, "--method", method])
}

/// A plugin, as `NAME@VERSION`.
pub fn plugins_install(what: &str) -> Vec<String> {
    owned(&["plugins", "install", what])
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_local_or_limited_only_where_it_says_so() {
        let message = reply_exactly("OK");
        let turn = AgentTurn {
            agent: "main",
            conversation: "c-1",
            message: &message,
            timeout_s: Some(120),
            local: true,
        };
        assert_eq!(
            turn.words().join(" "),
            "agent --local --agent main --session-id c-1 --message Reply exactly: OK --timeout 120 --json"
        );
        let plain = AgentTurn { timeout_s: None, local: false, ..turn };
        assert_eq!(
            plain.words().join(" "),
            "agent --agent main --session-id c-1 --message Reply exactly: OK --json"
        );
    }
}
