//! A login that is lent: the made-up one that a candidate holds is exchanged for
//! the real one on its way to the service, and never the other way.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::host::Host;
use super::mask::Mask;
use crate::observation::Credential;
use crate::secret::Secret;

/// The account that a `ChatGPT` login speaks for (`codex-rs/core`, `openai/codex`).
const ACCOUNT: HeaderName = HeaderName::from_static("chatgpt-account-id");

/// The two sides of a login: `ChatGPT` access tokens, or API keys.
#[derive(Debug, Clone)]
pub struct RelayLogin {
    /// The token that the candidate holds.
    pub made_up_access: Secret,
    /// The token that the service is to see. An API key (`sk-...`) goes to
    /// `api.openai.com` alone.
    pub access: Secret,
    /// The account id that the candidate holds.
    pub made_up_account: String,
    /// The account id that the service is to see, where there is one.
    pub account: Option<Secret>,
}

/// The login cannot be sent in a header.
#[derive(Debug, thiserror::Error)]
#[error("the {0} of the login cannot be sent: it holds other than visible ASCII")]
pub struct RelayLoginError(&'static str);

/// What became of a request's credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CredentialSwap {
    /// The made-up credential did not come along: nothing is put in.
    NotOffered,
    /// It came, and was replaced by the real one.
    Swapped,
    /// It came, but no login is lent for this path.
    Withheld,
}

/// A login, ready to be lent.
pub(super) struct Loan {
    login: RelayLogin,
    bearer: HeaderValue,
    account: Option<HeaderValue>,
    api_key: bool,
}

impl Loan {
    pub(super) fn new(login: RelayLogin) -> Result<Self, RelayLoginError> {
        let value = |text: &str, what| {
            let mut value = HeaderValue::try_from(text).map_err(|_| RelayLoginError(what))?;
            value.set_sensitive(true);
            // The mask looks for these bytes in answers: only ASCII is the same in every
            // encoding.
            if text.is_ascii() { Ok(value) } else { Err(RelayLoginError(what)) }
        };
        let bearer = value(&format!("Bearer {}", login.access.reveal()), "access token")?;
        let account = login.account.as_ref();
        let account = account.map(|id| value(id.reveal(), "account id")).transpose()?;
        let api_key = Credential::of_token(login.access.reveal()) == Credential::ApiKey;
        Ok(Self { login, bearer, account, api_key })
    }

    /// What must not be seen on the candidate's side.
    pub(super) fn mask(&self) -> Mask {
        Mask::of([Some(&self.login.access), self.login.account.as_ref()].into_iter().flatten())
    }

    /// Exchanges the made-up credential, if exactly that one is there.
    pub(super) fn put_into(
        &self,
        headers: &mut HeaderMap,
        host: Host,
        path: &str,
    ) -> CredentialSwap {
        let mut all = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(only), None) = (all.next(), all.next()) else {
            return CredentialSwap::NotOffered;
        };
        let token = only.to_str().ok().and_then(|text| text.split_once(' '));
        let made_up = self.login.made_up_access.reveal();
        if !token.is_some_and(|(scheme, token)| {
            scheme.eq_ignore_ascii_case("bearer") && token == made_up
        }) {
            return CredentialSwap::NotOffered;
        }
        if !host.lends(path) || (self.api_key && host != Host::Api) {
            return CredentialSwap::Withheld;
        }
        headers.insert(header::AUTHORIZATION, self.bearer.clone());
        let named = headers.get(&ACCOUNT).is_some_and(|id| *id == *self.login.made_up_account);
        if let Some(real) = self.account.as_ref().filter(|_| named) {
            headers.insert(ACCOUNT, real.clone());
        }
        CredentialSwap::Swapped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURNS: &str = "/backend-api/codex/responses";

    fn loan(access: &str) -> Loan {
        let login = RelayLogin {
            made_up_access: Secret::new("made-up"),
            access: Secret::new(access),
            made_up_account: "made-up-account".to_owned(),
            account: Some(Secret::new("real-account")),
        };
        assert!(!format!("{login:?}").contains("real"));
        Loan::new(login).unwrap()
    }

    fn lent(access: &str, sent: &[(&str, &str)], host: Host) -> (CredentialSwap, String) {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        let lent = loan(access).put_into(&mut headers, host, TURNS);
        let all =
            headers.iter().map(|(name, value)| format!("{name}={}\n", value.to_str().unwrap()));
        (lent, all.collect())
    }

    #[test]
    fn only_exactly_the_made_up_credential_is_exchanged() {
        let account = ("chatgpt-account-id", "made-up-account");
        let (outcome, headers) =
            lent("real", &[("authorization", "Bearer made-up"), account], Host::ChatGpt);
        assert_eq!(outcome, CredentialSwap::Swapped);
        assert_eq!(headers, "authorization=Bearer real\nchatgpt-account-id=real-account\n");
        for sent in [
            &[account][..],
            &[("authorization", "Bearer made-up2"), account],
            &[("authorization", "Basic made-up")],
            &[("authorization", "Bearer made-up"), ("authorization", "Bearer made-up")],
        ] {
            let (outcome, headers) = lent("real", sent, Host::ChatGpt);
            assert_eq!(outcome, CredentialSwap::NotOffered, "{sent:?}");
            assert!(!headers.contains("real"), "{headers}");
        }
        let other = [("authorization", "Bearer made-up"), ("chatgpt-account-id", "another")];
        assert!(!lent("real", &other, Host::ChatGpt).1.contains("real-account"));
    }

    #[test]
    fn an_api_key_goes_to_the_public_api_alone() {
        let sent = [("authorization", "Bearer made-up")];
        assert_eq!(lent("sk-real", &sent, Host::Api).0, CredentialSwap::Swapped);
        assert_eq!(lent("sk-real", &sent, Host::ChatGpt).0, CredentialSwap::Withheld);
        assert_eq!(lent("real", &sent, Host::Auth).0, CredentialSwap::Withheld);
    }
}
