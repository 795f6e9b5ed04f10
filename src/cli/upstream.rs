//! Who is to answer the model requests, on the command line.

use crate::app::upstream::{UpstreamChoice, UpstreamRequest};

#[derive(Debug, Clone, clap::Args)]
pub(super) struct UpstreamArguments {
    /// Who answers the model requests.
    #[arg(long, value_enum, default_value_t = UpstreamName::Auto)]
    upstream: UpstreamName,
    /// Give a candidate a made-up login, and put the real one into its requests on
    /// their way. It never sees a secret; TLS fingerprint and timing are codexpin's.
    #[arg(long)]
    relay: bool,
    /// Ask with the API key in this environment variable: it costs money, and it is
    /// another route than a ChatGPT login.
    #[arg(long, value_name = "NAME")]
    api_key_env: Option<String>,
    /// How many turns the account may be asked for
    ///
    /// [default: 40]
    #[arg(long, value_name = "N")]
    pub(super) max_turns: Option<usize>,
}

/// Who answers the model requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum UpstreamName {
    /// `live` where an OpenClaw with a ChatGPT login is found, else `loopback`.
    Auto,
    /// OpenAI's service, with the user's login, lent without its refresh token.
    Live,
    /// The embedded service: no account, no tokens.
    Loopback,
}

impl UpstreamArguments {
    pub(super) fn request(self) -> UpstreamRequest {
        UpstreamRequest {
            choice: match self.upstream {
                UpstreamName::Auto => UpstreamChoice::Auto,
                UpstreamName::Live => UpstreamChoice::Live,
                UpstreamName::Loopback => UpstreamChoice::Loopback,
            },
            relay: self.relay,
            api_key_env: self.api_key_env,
            max_turns: self.max_turns,
            earlier: None,
        }
    }
}
