//! Who has an account, and which tokens are good.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::claims::{self, CLIENT, fresh_hex, fresh_text, fresh_uuid, now};
use super::ledger::Bearer;
use super::refusal::{self, Refusal};

/// An account.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// What `chatgpt-account-id` is to say.
    pub(crate) id: String,
    /// A made-up address.
    pub(crate) email: String,
    /// Its plan, `pro`.
    pub(crate) plan: &'static str,
    /// The login that it was made with.
    pub(crate) login: Option<Login>,
}

/// A login: tokens that follow from one sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    /// Which one, in order of sign-in, from 0.
    pub(crate) number: u32,
    /// How often it was refreshed before these tokens.
    pub(crate) generation: u32,
    pub(crate) access: String,
    pub(crate) refresh: String,
    /// When the access token ends, in seconds since 1970.
    pub(crate) expires: u64,
    pub(crate) account_id: String,
}

#[derive(Debug)]
struct TokenFamily {
    account: String,
    revoked: bool,
    newest: Login,
}

#[derive(Debug)]
struct AccessToken {
    login: u32,
    generation: u32,
    expires: u64,
}

#[derive(Debug)]
struct RefreshToken {
    login: u32,
    generation: u32,
    spent: bool,
}

#[derive(Debug)]
struct AuthorizationCode {
    account: String,
    challenge: String,
    redirect: String,
}

#[derive(Debug)]
struct DeviceSignIn {
    user_code: String,
    account: Option<String>,
}

/// A bearer that was let in.
#[derive(Debug, Clone)]
pub(super) struct Principal {
    pub(super) account: String,
    pub(super) plan: &'static str,
}

/// All that the service knows of accounts.
#[derive(Debug)]
pub(super) struct AccountBook {
    /// How long a new access token lives.
    pub(super) lifetime: Duration,
    accounts: HashMap<String, Account>,
    families: Vec<TokenFamily>,
    access: HashMap<String, AccessToken>,
    refresh: HashMap<String, RefreshToken>,
    codes: HashMap<String, AuthorizationCode>,
    devices: HashMap<String, DeviceSignIn>,
    keys: HashMap<String, String>,
}

impl AccountBook {
    pub(super) fn new() -> Self {
        Self {
            // Ten days, as the real service has it.
            lifetime: Duration::from_hours(10 * 24),
            accounts: HashMap::new(),
            families: Vec::new(),
            access: HashMap::new(),
            refresh: HashMap::new(),
            codes: HashMap::new(),
            devices: HashMap::new(),
            keys: HashMap::new(),
        }
    }

    pub(super) fn account(&mut self) -> Account {
        let id = fresh_uuid();
        let email = format!("someone-{}@example.com", self.accounts.len() + 1);
        let account = Account { id: id.clone(), email, plan: "pro", login: None };
        self.accounts.insert(id.clone(), account.clone());
        Account { login: Some(self.login(&id)), ..account }
    }

    pub(super) fn api_key(&mut self) -> String {
        let key = format!("sk-proj-{}", fresh_text(60));
        self.keys.insert(key.clone(), format!("api-key-{}", self.keys.len() + 1));
        key
    }

    pub(super) fn login(&mut self, account: &str) -> Login {
        let number = u32::try_from(self.families.len()).unwrap();
        let newest = self.issue(account, number, 0);
        let family =
            TokenFamily { account: account.to_owned(), revoked: false, newest: newest.clone() };
        self.families.push(family);
        newest
    }

    fn issue(&mut self, account_id: &str, login: u32, generation: u32) -> Login {
        let account = &self.accounts[account_id];
        let access = claims::access_token(account, login, self.lifetime);
        let refresh = format!("rt_{}.{}", fresh_text(20), fresh_text(32));
        let expires = now() + self.lifetime.as_secs();
        self.access.insert(access.clone(), AccessToken { login, generation, expires });
        self.refresh.insert(refresh.clone(), RefreshToken { login, generation, spent: false });
        let account_id = account_id.to_owned();
        Login { number: login, generation, access, refresh, expires, account_id }
    }

    fn family(&self, login: u32) -> &TokenFamily {
        &self.families[login as usize]
    }

    pub(super) fn newest(&self, login: u32) -> Login {
        self.family(login).newest.clone()
    }

    pub(super) fn newest_of(&self, account: &str) -> Login {
        let mut newest = self.families.iter().rev();
        newest.find(|family| family.account == account).unwrap().newest.clone()
    }

    pub(super) fn revoked(&self, login: u32) -> bool {
        self.family(login).revoked
    }

    pub(super) fn unspent(&self, login: &Login) -> bool {
        let unspent = self.refresh.get(&login.refresh).is_some_and(|known| !known.spent);
        unspent && !self.revoked(login.number)
    }

    pub(super) fn revoke(&mut self, login: u32) {
        self.families[login as usize].revoked = true;
    }

    pub(super) fn expire(&mut self, account: &str) {
        for access in self.access.values_mut() {
            if self.families[access.login as usize].account == account {
                access.expires = 0;
            }
        }
    }

    /// Whose token this is, for the ledger, whether it is good or not.
    pub(super) fn bearer(&self, token: &str) -> Option<Bearer> {
        let of = |login, generation, refresh| {
            let account = self.family(login).account.clone();
            Bearer { account, login: Some(login), generation, refresh }
        };
        if let Some(known) = self.access.get(token) {
            return Some(of(known.login, known.generation, false));
        }
        if let Some(known) = self.refresh.get(token) {
            return Some(of(known.login, known.generation, true));
        }
        let account = self.keys.get(token)?.clone();
        Some(Bearer { account, login: None, generation: 0, refresh: false })
    }

    /// Lets in the bearer of a good access token of the account that the
    /// request names, if it names one.
    pub(super) fn authenticate(
        &self,
        token: Option<&str>,
        named: Option<&str>,
    ) -> Result<Principal, Refusal> {
        let token = token.ok_or_else(refusal::unauthorized)?;
        let known = self.access.get(token).ok_or_else(refusal::not_a_token)?;
        let family = self.family(known.login);
        if family.revoked {
            return Err(refusal::token_invalidated());
        }
        if known.expires <= now() {
            return Err(refusal::token_expired());
        }
        if named.is_some_and(|named| named != family.account) {
            return Err(refusal::other_account());
        }
        let plan = self.accounts[&family.account].plan;
        Ok(Principal { account: family.account.clone(), plan })
    }

    /// Lets in the bearer of an API key.
    pub(super) fn authenticate_key(&self, token: Option<&str>) -> Result<Principal, Refusal> {
        let token = token.ok_or_else(refusal::wrong_key)?;
        if self.access.contains_key(token) {
            return Err(refusal::missing_scopes());
        }
        let account = self.keys.get(token).ok_or_else(refusal::wrong_key)?.clone();
        Ok(Principal { account, plan: "api" })
    }

    /// Takes a refresh token for new tokens. It is good once: shown again, it
    /// ends its login.
    pub(super) fn rotate(&mut self, token: &str) -> Result<Value, Refusal> {
        let known = self.refresh.get_mut(token).ok_or_else(refusal::unknown_refresh)?;
        let family = &mut self.families[known.login as usize];
        if known.spent {
            family.revoked = true;
            return Err(refusal::refresh_reused());
        }
        if family.revoked {
            return Err(refusal::session_ended());
        }
        known.spent = true;
        let (login, generation) = (known.login, known.generation + 1);
        let account = family.account.clone();
        let newest = self.issue(&account, login, generation);
        self.families[login as usize].newest = newest.clone();
        Ok(self.granted(&newest))
    }

    fn granted(&self, login: &Login) -> Value {
        json!({
            "access_token": login.access,
            "expires_in": self.lifetime.as_secs(),
            "id_token": claims::id_token(&self.accounts[&login.account_id]),
            "refresh_token": login.refresh,
            "scope": "openid profile email offline_access",
            "token_type": "Bearer",
        })
    }

    /// A code for whoever has the verifier of the challenge.
    pub(super) fn code(&mut self, account: &str, challenge: &str, redirect: &str) -> String {
        let code = format!("ac_{}", fresh_text(32));
        let account = account.to_owned();
        let (challenge, redirect) = (challenge.to_owned(), redirect.to_owned());
        self.codes.insert(code.clone(), AuthorizationCode { account, challenge, redirect });
        code
    }

    /// Takes a code, once, for a new login.
    pub(super) fn redeem(
        &mut self,
        code: &str,
        verifier: &str,
        redirect: &str,
    ) -> Result<Value, Refusal> {
        let wrong = |why| refusal::invalid_grant(why);
        let known = self.codes.remove(code).ok_or_else(|| wrong("Invalid authorization code."))?;
        if known.redirect != redirect {
            return Err(wrong("The redirect URI does not match."));
        }
        if URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) != known.challenge {
            return Err(wrong("The code verifier does not match the challenge."));
        }
        let login = self.login(&known.account);
        Ok(self.granted(&login))
    }

    /// Begins the login of a device without a browser.
    pub(super) fn device(&mut self, client: &str) -> Result<Value, Refusal> {
        if client != CLIENT {
            return Err(refusal::invalid_grant("Unknown client."));
        }
        let id = format!("deviceauth_{}", fresh_hex(16));
        let digits = fresh_hex(4).to_uppercase();
        let user_code = format!("{}-{}", &digits[..4], &digits[4..]);
        self.devices
            .insert(id.clone(), DeviceSignIn { user_code: user_code.clone(), account: None });
        // The real one asks for five seconds.
        Ok(json!({"device_auth_id": id, "user_code": user_code, "interval": "1"}))
    }

    pub(super) fn approve_device(&mut self, account: &str, user_code: &str) -> bool {
        let waiting = self.devices.values_mut().find(|device| device.user_code == user_code);
        waiting.map(|device| device.account = Some(account.to_owned())).is_some()
    }

    /// The code for a device whose user has said yes; its verifier is the service's.
    pub(super) fn device_code(&mut self, id: &str, user_code: &str) -> Result<Value, Refusal> {
        let known = self.devices.get(id).filter(|device| device.user_code == user_code);
        let account = known.and_then(|device| device.account.clone());
        let account = account.ok_or_else(refusal::device_pending)?;
        self.devices.remove(id);
        let verifier = fresh_text(48);
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
        let redirect = "https://auth.openai.com/deviceauth/callback";
        let code = self.code(&account, &challenge, redirect);
        Ok(json!({
            "authorization_code": code,
            "code_challenge": challenge,
            "code_verifier": verifier,
        }))
    }
}
