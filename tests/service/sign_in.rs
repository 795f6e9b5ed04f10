//! `auth.openai.com`: logins by browser and by device code, and refreshes.

use std::collections::HashMap;

use axum::body::Body;
use http::{Method, Response};
use serde_json::Value;
use url::Url;

use super::Shared;
use super::book::AccountBook;
use super::claims::CLIENT;
use super::ledger::{EntryGuard, Kind};
use super::refusal::{self, Refusal};
use super::request::IncomingRequest;

/// What is answered, or why nothing is.
pub(super) fn answer(
    shared: &Shared,
    asked: &IncomingRequest,
    guard: EntryGuard,
) -> Result<Response<Body>, Box<(Refusal, EntryGuard)>> {
    let post = asked.parts.method == Method::POST;
    let given = match asked.path() {
        "/oauth/token" if post => token(shared, &asked.fields(), &guard),
        "/api/accounts/deviceauth/usercode" if post => {
            guard.kind(Kind::SignIn);
            shared
                .book
                .lock()
                .unwrap()
                .device(&asked.fields().remove("client_id").unwrap_or_default())
        }
        "/api/accounts/deviceauth/token" if post => {
            guard.kind(Kind::SignIn);
            let fields = asked.fields();
            let field = |name: &str| fields.get(name).map_or("", String::as_str);
            let (id, code) = (field("device_auth_id"), field("user_code"));
            shared.book.lock().unwrap().device_code(id, code)
        }
        // The page itself is the test's part: `Service::sign_in`.
        "/oauth/authorize" => {
            guard.kind(Kind::SignIn);
            guard.status(302, None);
            guard.finish();
            let to = "https://auth.openai.com/log-in";
            return Ok(Response::builder()
                .status(302)
                .header("location", to)
                .body(Body::empty())
                .unwrap());
        }
        _ => Err(refusal::not_found()),
    };
    match given {
        Ok(value) => {
            guard.status(200, None);
            guard.finish();
            let body = Body::from(value.to_string());
            Ok(Response::builder().header("content-type", "application/json").body(body).unwrap())
        }
        Err(refusal) => Err(Box::new((refusal, guard))),
    }
}

fn token(
    shared: &Shared,
    fields: &HashMap<String, String>,
    guard: &EntryGuard,
) -> Result<Value, Refusal> {
    let field = |name: &str| fields.get(name).map_or("", String::as_str);
    let mut book = shared.book.lock().unwrap();
    match field("grant_type") {
        "refresh_token" => {
            guard.kind(Kind::Refresh);
            guard.bearer(book.bearer(field("refresh_token")));
            if field("client_id") != CLIENT {
                return Err(refusal::invalid_grant("Unknown client."));
            }
            book.rotate(field("refresh_token"))
        }
        "authorization_code" => {
            guard.kind(Kind::Exchange);
            if field("client_id") != CLIENT {
                return Err(refusal::invalid_grant("Unknown client."));
            }
            book.redeem(field("code"), field("code_verifier"), field("redirect_uri"))
        }
        _ => Err(refusal::bad_request("unsupported grant type")),
    }
}

/// What the page at `address` does when the account's user says yes.
pub(super) fn approve(
    book: &mut AccountBook,
    account: &str,
    address: &str,
) -> Result<String, String> {
    let address = Url::parse(address).map_err(|error| format!("{address}: {error}"))?;
    let page = (address.host_str(), address.path());
    if page != (Some("auth.openai.com"), "/oauth/authorize") {
        return Err(format!("{address} is not where one signs in"));
    }
    let query: HashMap<_, _> = address.query_pairs().into_owned().collect();
    let field = |name: &str| query.get(name).map_or("", String::as_str);
    let wanted =
        [("response_type", "code"), ("client_id", CLIENT), ("code_challenge_method", "S256")];
    for (name, value) in wanted {
        if field(name) != value {
            return Err(format!("{name} is {:?}, not {value:?}", field(name)));
        }
    }
    if !field("scope").split(' ').any(|scope| scope == "offline_access") {
        return Err("without offline_access there is no refresh token".to_owned());
    }
    let redirect = field("redirect_uri");
    let mut to = Url::parse(redirect).map_err(|error| format!("{redirect}: {error}"))?;
    let code = book.code(account, field("code_challenge"), redirect);
    to.query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("scope", field("scope"))
        .append_pair("state", field("state"));
    Ok(to.to_string())
}
