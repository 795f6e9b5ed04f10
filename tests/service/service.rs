//! A second service that plays OpenAI, for tests of the live login. It shares
//! no code with the embedded loopback, so that a mistake of one does not hide
//! in the other, and unlike it knows accounts: refresh tokens are single-use
//! and rotate, and one that is shown twice ends its whole login, as at the real
//! service.
//!
//! It is reached as the real one is behind a company's proxy: `HTTPS_PROXY` and
//! an extra CA. It stands in for `chatgpt.com`, `api.openai.com` and
//! `auth.openai.com`; every other host is refused, and remembered.
//!
//! ```text
//! server ─▶ hosts (chatgpt, api, sign_in) ─▶ book (who may), model (what is said)
//!                       └──▶ ledger: every request, from its begin to its end
//! ```
//!
//! It runs on threads of its own, so that tests which wait for a child can use
//! it without a runtime.

mod api;
mod authority;
mod book;
mod chatgpt;
mod claims;
mod ledger;
mod limits;
mod model;
mod refusal;
mod request;
mod server;
mod sign_in;
mod socket;
mod turn;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;

pub(crate) use book::{Account, Login};
pub(crate) use ledger::{Entry, Kind};

use authority::Authority;
use book::AccountBook;
use ledger::Ledger;
use limits::Limits;
use model::ResponseHistory;

/// How long [`Service::until`] waits before it gives up.
const PATIENCE: Duration = Duration::from_mins(2);

/// What all connections share.
pub(super) struct Shared {
    authority: Authority,
    book: Mutex<AccountBook>,
    limits: Mutex<Limits>,
    history: Mutex<ResponseHistory>,
    ledger: Ledger,
    held: watch::Sender<bool>,
}

/// A running service. Dropped, it stops.
pub(crate) struct Service {
    shared: Arc<Shared>,
    address: SocketAddr,
    runtime: Option<tokio::runtime::Runtime>,
    directory: tempfile::TempDir,
}

impl Service {
    /// Starts a service on a port of its own, with a CA of its own.
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("service")
            .enable_all()
            .build()
            .unwrap();
        let shared = Arc::new(Shared {
            authority: Authority::new(),
            book: Mutex::new(AccountBook::new()),
            limits: Mutex::default(),
            history: Mutex::default(),
            ledger: Ledger::new(),
            held: watch::Sender::new(false),
        });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(server::accept(Arc::clone(&shared), listener));
        let directory = tempfile::tempdir().unwrap();
        let service = Self { shared, address, runtime: Some(runtime), directory };
        std::fs::write(service.ca_file(), service.shared.authority.bundle()).unwrap();
        service
    }

    /// Where it listens: an HTTP proxy.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its CA alone, as PEM.
    pub(crate) fn ca_pem(&self) -> &str {
        self.shared.authority.pem()
    }

    /// A bundle of this machine's CAs and its own, as a company lays one out.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.directory.path().join("bundle.pem")
    }

    /// What a program's environment needs for OpenAI to be this service. Every
    /// other host is out of reach, but for those in `direct`, which go round
    /// the proxy: a registry, say.
    pub(crate) fn environment(&self, direct: &[&str]) -> Vec<(&'static str, String)> {
        let proxy = format!("http://{}", self.address);
        let ca = self.ca_file().to_str().unwrap().to_owned();
        let mut around = vec!["127.0.0.1", "localhost", "::1"];
        around.extend(direct);
        let around = around.join(",");
        vec![
            ("HTTPS_PROXY", proxy.clone()),
            ("https_proxy", proxy.clone()),
            ("HTTP_PROXY", proxy.clone()),
            ("http_proxy", proxy),
            ("NO_PROXY", around.clone()),
            ("no_proxy", around),
            ("NODE_USE_ENV_PROXY", "1".to_owned()),
            ("NODE_EXTRA_CA_CERTS", ca.clone()),
            ("SSL_CERT_FILE", ca.clone()),
            ("CODEX_CA_CERTIFICATE", ca),
        ]
    }

    /// Makes an account with a first login.
    pub(crate) fn account(&self) -> Account {
        self.book().account()
    }

    /// Makes one more login of the account: a family of tokens of its own.
    pub(crate) fn login(&self, account: &Account) -> Login {
        self.book().login(&account.id)
    }

    /// Issues an API key of the public API.
    pub(crate) fn api_key(&self) -> String {
        self.book().api_key()
    }

    /// How long access tokens live that are issued from now on.
    pub(crate) fn access_lifetime(&self, lifetime: Duration) {
        self.book().lifetime = lifetime;
    }

    /// All access tokens that the account has are expired from now on,
    /// whatever their `exp` says. Its refresh tokens are good.
    pub(crate) fn expire(&self, account: &Account) {
        self.book().expire(&account.id);
    }

    /// Ends the login, as a sign-out from elsewhere does.
    pub(crate) fn revoke(&self, login: &Login) {
        self.book().revoke(login.number);
    }

    /// The login as the service has it now: the tokens that were issued last.
    pub(crate) fn newest(&self, login: &Login) -> Login {
        self.book().newest(login.number)
    }

    /// The newest tokens of the account's newest login.
    pub(crate) fn newest_of(&self, account: &Account) -> Login {
        self.book().newest_of(&account.id)
    }

    /// Whether the login still works with the refresh token that it has here:
    /// not revoked, and the token never shown.
    pub(crate) fn unspent(&self, login: &Login) -> bool {
        self.book().unspent(login)
    }

    /// Whether the whole login was ended.
    pub(crate) fn revoked(&self, login: &Login) -> bool {
        self.book().revoked(login.number)
    }

    /// Plays the user in the browser: signs in as the account at the address
    /// that a client shows, and returns where the browser is sent then.
    ///
    /// # Panics
    /// Where the real page would refuse the address.
    pub(crate) fn sign_in(&self, account: &Account, address: &str) -> String {
        sign_in::approve(&mut self.book(), &account.id, address).unwrap()
    }

    /// Plays the user who types the code of a device.
    pub(crate) fn approve_device(&self, account: &Account, user_code: &str) -> bool {
        self.book().approve_device(&account.id, user_code)
    }

    /// After `turns` more turns the account's usage is used up.
    pub(crate) fn usage_limit(&self, account: &Account, turns: u32) {
        self.limits().usage.insert(account.id.clone(), turns);
    }

    /// The account's usage is no longer limited.
    pub(crate) fn lift_usage_limit(&self, account: &Account) {
        self.limits().usage.remove(&account.id);
    }

    /// The next `requests` for turns of the account are too many: 429 with
    /// `Retry-After: 1`.
    pub(crate) fn rate_limit(&self, account: &Account, requests: u32) {
        self.limits().rate.insert(account.id.clone(), requests);
    }

    /// Whether every turn gets 503.
    pub(crate) fn outage(&self, on: bool) {
        self.limits().outage = on;
    }

    /// The pause before each event of a stream.
    pub(crate) fn pace(&self, pace: Duration) {
        self.limits().pace = pace;
    }

    /// Turns stay in the middle until [`Service::release`].
    pub(crate) fn hold(&self) {
        self.shared.held.send_replace(true);
    }

    /// Held turns go on to their end.
    pub(crate) fn release(&self) {
        self.shared.held.send_replace(false);
    }

    /// Every request so far, in order of arrival.
    pub(crate) fn ledger(&self) -> Vec<Entry> {
        self.shared.ledger.entries()
    }

    /// The turns that were answered.
    pub(crate) fn turns(&self) -> Vec<Entry> {
        let answered = |entry: &Entry| entry.kind == Kind::Turn && entry.status == Some(200);
        self.ledger().into_iter().filter(answered).collect()
    }

    /// The requests that presented a refresh token, however they ended.
    pub(crate) fn refreshes(&self) -> Vec<Entry> {
        self.ledger().into_iter().filter(|entry| entry.kind == Kind::Refresh).collect()
    }

    /// Hosts that somebody wanted and that are not OpenAI's, each once.
    pub(crate) fn refused_hosts(&self) -> Vec<String> {
        let mut hosts: Vec<_> = self.ledger().into_iter().collect();
        hosts.retain(|entry| entry.kind == Kind::Refused);
        let mut hosts: Vec<_> = hosts.into_iter().map(|entry| entry.host).collect();
        hosts.sort();
        hosts.dedup();
        hosts
    }

    /// How many turns of the account were under way at once, at most.
    pub(crate) fn most_at_once(&self, account: &Account) -> usize {
        self.shared.ledger.most_at_once(&account.id)
    }

    /// Waits until the ledger is as wanted.
    ///
    /// # Panics
    /// When it is not within two minutes.
    pub(crate) fn until(&self, wanted: impl Fn(&[Entry]) -> bool) {
        self.shared.ledger.until(PATIENCE, wanted);
    }

    /// The directory of its files, for what a test writes beside them.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn book(&self) -> MutexGuard<'_, AccountBook> {
        self.shared.book.lock().unwrap()
    }

    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.shared.limits.lock().unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Held turns must not outlive the test that forgot to release them.
        self.release();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
