//! The hosts of the service, and which of their paths a login is lent for.

/// A host that a candidate may mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Host {
    /// `chatgpt.com`: the backend of `ChatGPT` logins.
    ChatGpt,
    /// `api.openai.com`: the public API.
    Api,
    /// `auth.openai.com`: logins and their renewal. Nothing goes there.
    Auth,
}

impl Host {
    /// The host of a `CONNECT`.
    pub(super) fn of(host: &str, port: u16) -> Option<Self> {
        match (host.trim_end_matches('.').to_ascii_lowercase().as_str(), port) {
            ("chatgpt.com", 443) => Some(Self::ChatGpt),
            ("api.openai.com", 443) => Some(Self::Api),
            ("auth.openai.com", 443) => Some(Self::Auth),
            _ => None,
        }
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ChatGpt => "chatgpt.com",
            Self::Api => "api.openai.com",
            Self::Auth => "auth.openai.com",
        }
    }

    /// Whether a login is lent for this path: turns, wherever a release asks for
    /// them, and what belongs to them. Not the rest of the account: its
    /// conversations, tasks and connected apps are on the same host.
    pub(super) fn lends(self, path: &str) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.".contains(c);
        if !path.chars().all(plain) || path.contains("..") || path.contains("//") {
            return false;
        }
        match self {
            Self::ChatGpt => is_turn(path) || path.starts_with("/backend-api/codex/"),
            Self::Api => is_turn(path) || path == "/v1/models" || path == "/v1/responses/compact",
            Self::Auth => false,
        }
    }
}

/// Whether turns are asked for at this path, of this release of the service or an older one.
pub(super) fn is_turn(path: &str) -> bool {
    path.ends_with("/responses")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_one_of_the_services_by_name_and_port() {
        assert_eq!(Host::of("ChatGPT.com.", 443), Some(Host::ChatGpt));
        assert_eq!(Host::of("auth.openai.com", 443), Some(Host::Auth));
        for (host, port) in
            [("chatgpt.com", 80), ("chatgpt.com.example.test", 443), ("evil-chatgpt.com", 443)]
        {
            assert_eq!(Host::of(host, port), None, "{host}:{port}");
        }
    }

    #[test]
    fn a_login_is_lent_for_turns_and_not_for_the_rest_of_the_account() {
        for path in
            ["/backend-api/codex/responses", "/backend-api/codex/models", "/backend-api/responses"]
        {
            assert!(Host::ChatGpt.lends(path), "{path}");
        }
        for path in [
            "/backend-api/conversations",
            "/backend-api/wham/tasks",
            "/backend-api/ps/mcp",
            "/backend-api/me",
            "/backend-api/codex/../conversations",
            "/backend-api/codex/%2e%2e/conversations",
            "/backend-api/codex//me",
        ] {
            assert!(!Host::ChatGpt.lends(path), "{path}");
        }
        assert!(Host::Api.lends("/v1/responses") && !Host::Api.lends("/v1/files"));
    }
}
