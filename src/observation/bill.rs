//! Who pays for a turn: a subscription or a key that is metered, and at which host.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Credential, Observation, RequestKind, RequestRecord};

/// Where turns were asked, and with which kind of credential.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bill {
    /// The host.
    pub host: String,
    /// What it was asked with.
    pub credential: Credential,
}

/// A candidate's turns are paid for in another way than they should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BillMove {
    /// How they were paid for before; none where only the route says how they should be.
    pub from: Option<Bill>,
    /// How this candidate has them paid for.
    pub to: Bill,
}

/// Every way in which the turns of a check were paid for.
pub fn bills(observation: &Observation) -> BTreeSet<Bill> {
    let paid = |request: &&RequestRecord| {
        request.is_for_a_turn()
            && matches!(
                request.kind,
                RequestKind::Answered | RequestKind::Faulted | RequestKind::Forwarded
            )
            && request.method != "GET"
    };
    let of = |request: &RequestRecord| Bill {
        host: request.host.clone(),
        credential: request.credential,
    };
    observation.requests.iter().filter(paid).map(of).collect()
}

/// What a candidate would move, held against the good end where there is one. A move
/// is from a subscription to something else, or to another host.
pub fn moved(good: Option<&Observation>, candidate: &Observation) -> Option<BillMove> {
    let now = bills(candidate);
    let Some(good) = good else {
        // That provider's turns are a subscription's, whatever else is there.
        let subscribed = candidate.route.is_of_subscriptions();
        let key = now.into_iter().find(|bill| bill.credential == Credential::ApiKey)?;
        return subscribed.then_some(BillMove { from: None, to: key });
    };
    let before = bills(good);
    let metered = |bill: &&Bill| bill.credential == Credential::ApiKey;
    let from = before.iter().find(|bill| !metered(bill)).or(before.first())?.clone();
    let new = now.into_iter().filter(|bill| !before.contains(bill));
    let moves = |bill: &Bill| bill.host != from.host || bill.credential != from.credential;
    let to = new.filter(moves).max_by_key(|bill| metered(&bill))?;
    Some(BillMove { from: Some(from), to })
}

impl fmt::Display for Bill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with = match self.credential {
            Credential::ChatGptToken => "the ChatGPT login",
            Credential::ApiKey => "an API key, which is metered",
            Credential::None => "no credential",
            Credential::Other => "another credential",
        };
        write!(f, "{} with {with}", self.host)
    }
}

impl fmt::Display for BillMove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.from {
            Some(from) => write!(f, "its turns go to {} instead of {from}", self.to),
            None => {
                write!(f, "its turns go to {}, and the route is that of a ChatGPT login", self.to)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::sample::{good, request};

    fn asked(host: &str, credential: Credential, kind: RequestKind) -> Observation {
        let turn = request(host, "/v1/responses", kind, Some(200));
        Observation { requests: vec![RequestRecord { credential, ..turn }], ..good() }
    }

    #[test]
    fn a_subscription_that_would_become_a_key_or_go_elsewhere_is_a_move() {
        use Credential::{ApiKey, ChatGptToken};
        let answered = RequestKind::Answered;
        let subscription = asked("chatgpt.com", ChatGptToken, answered);
        let key = asked("api.openai.com", ApiKey, answered);
        let elsewhere = asked("proxy.example.com", ChatGptToken, answered);
        let told = moved(Some(&subscription), &key).unwrap().to_string();
        assert_eq!(
            told,
            "its turns go to api.openai.com with an API key, which is metered instead of \
             chatgpt.com with the ChatGPT login"
        );
        assert!(moved(Some(&subscription), &elsewhere).is_some());
        assert_eq!(moved(Some(&subscription), &subscription), None);
        assert_eq!(moved(Some(&key), &key), None, "it was metered before");
        let refused = asked("api.openai.com", ApiKey, RequestKind::Refused);
        assert_eq!(moved(Some(&subscription), &refused), None, "nobody pays for a refusal");
    }

    #[test]
    fn alone_a_release_is_held_against_its_route() {
        let key = asked("api.openai.com", Credential::ApiKey, RequestKind::Answered);
        assert!(moved(None, &key).is_some(), "openai-codex/gpt-5.5");
        let route = "openai/gpt-5.5".parse().unwrap();
        assert_eq!(moved(None, &Observation { route, ..key }), None, "that one takes keys");
    }
}
