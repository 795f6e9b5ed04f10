//! Who answers the model requests, and whose login is lent for it.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::{SignedDuration, Timestamp};

use super::context::Context;
use super::{AppError, login as own_login};
use crate::check::account::LentAccount;
use crate::event::{Event, Events};
use crate::explain::Class;
use crate::installation;
use crate::login::{self, Fingerprint, LentLogin, Login, Place};
use crate::question::{Lender, Lending, Upstream};
use crate::secret::Secret;
use crate::session::journal::SessionRequest;
use crate::upstream::pace::{Pace, PaceLimits};

/// Who is to answer the model requests.
#[derive(Debug, Clone, Default)]
pub struct UpstreamRequest {
    /// Whom the user named.
    pub choice: UpstreamChoice,
    /// Whether a candidate is given a made-up login, and the real one is put into its
    /// requests on their way.
    pub relay: bool,
    /// The environment variable that holds an API key to ask with.
    pub api_key_env: Option<String>,
    /// How many turns the account may be asked for. None: 40.
    pub max_turns: Option<usize>,
    /// What a session that goes on has done before.
    pub earlier: Option<EarlierLending>,
}

/// How an earlier part of a session asked an account.
#[derive(Debug, Clone, Default)]
pub struct EarlierLending {
    turns: usize,
    lending: Option<Lending>,
    /// Whose login was lent, as a hash.
    account: Option<String>,
}

/// How many turns an account may be asked for, where the user does not say.
pub(super) const MAX_TURNS: usize = 40;

/// Whom the user named to answer the model requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UpstreamChoice {
    /// `Live` where an `OpenClaw` with a `ChatGPT` login is found, else `Loopback`.
    #[default]
    Auto,
    /// `OpenAI`'s service, with the user's login, lent without its refresh token.
    Live,
    /// The embedded service: no account, no tokens.
    Loopback,
}

/// What was decided.
#[derive(Debug, Default)]
pub(super) struct ChosenUpstream {
    pub(super) upstream: Upstream,
    pub(super) account: Option<Arc<LentAccount>>,
    /// The live installation's config, where its login is lent.
    pub(super) config: Option<Utf8PathBuf>,
    /// Looks after the live logins.
    pub(super) watch: Option<LoginWatch>,
}

/// Sees to it that the live logins are as they were.
#[derive(Debug)]
pub(super) struct LoginWatch {
    place: Place,
    before: Fingerprint,
}

impl LoginWatch {
    fn over(place: Place) -> Result<Self, AppError> {
        let before = Fingerprint::take(&place)?;
        Ok(Self { place, before })
    }

    /// Tells whether anything changed meanwhile.
    pub(super) fn end(self, events: &Events) {
        match Fingerprint::take(&self.place) {
            Ok(after) => {
                let changed = self.before.differences(&after);
                events.tell(Event::LoginsCompared { changed });
            }
            Err(error) => events.warn(format!("the live logins could not be compared: {error}")),
        }
    }
}

impl UpstreamRequest {
    /// Decides. `needed` is how long a login has to be good for, `only_loopback`
    /// what only the loopback can do.
    pub(super) async fn choose(
        &self,
        context: &Context,
        needed: SignedDuration,
        only_loopback: Option<&str>,
    ) -> Result<ChosenUpstream, AppError> {
        let wants_live =
            self.choice == UpstreamChoice::Live || self.relay || self.api_key_env.is_some();
        match (self.choice, only_loopback) {
            (UpstreamChoice::Loopback, _) if self.relay || self.api_key_env.is_some() => {
                return Err(AppError::usage("--relay and --api-key-env are for --upstream live"));
            }
            (UpstreamChoice::Loopback, _) => return Ok(ChosenUpstream::default()),
            (_, Some(what)) if wants_live => {
                return Err(AppError::usage(format!("{what} wants --upstream loopback"))
                    .with_hint("leave --upstream, --relay and --api-key-env out"));
            }
            (_, Some(_)) => return Ok(ChosenUpstream::default()),
            (_, None) => {}
        }
        if let Some(name) = &self.api_key_env {
            return self.with_key(context, name);
        }
        let chosen = match self.earlier_lending().map(|lending| lending.lender) {
            Some(Lender::Installation) => self.with_installation(context, needed),
            Some(_) => self.with_own(context, needed).await,
            None => match self.with_own(context, needed).await {
                Err(Unlent::NoLogin(_)) => self.with_installation(context, needed),
                own => own,
            },
        };
        if let Some(begun_with) = self.earlier_lending() {
            return chosen.map_err(|unlent| unlent.of_session(begun_with));
        }
        match chosen {
            Ok(chosen) => Ok(chosen),
            Err(Unlent::NoLogin(_)) if !wants_live => Ok(ChosenUpstream::default()),
            Err(Unlent::NotNow(why)) if !wants_live => {
                context.events.warn(format!("{why}; the loopback answers instead"));
                Ok(ChosenUpstream::default())
            }
            Err(Unlent::NoLogin(why)) => Err(AppError::new(Class::Infrastructure, why).with_hint(
                "`codexpin login` makes one, or use --api-key-env NAME or --upstream loopback",
            )),
            Err(Unlent::NotNow(why)) => {
                Err(AppError::new(Class::Infrastructure, why).with_hint(
                    "ask your agent anything, so that OpenClaw renews its login; or use `codexpin login`, \
                     --api-key-env NAME or --upstream loopback",
                ))
            }
            Err(Unlent::Failed(failure)) => Err(*failure),
        }
    }

    fn with_key(&self, context: &Context, name: &str) -> Result<ChosenUpstream, AppError> {
        let key = context.environment.get(name).ok_or_else(|| {
            AppError::usage(format!("{name} is not set"))
                .with_hint("export the key under this name")
        })?;
        let lending =
            Lending { lender: Lender::ApiKey, profile: name.to_owned(), relay: self.relay };
        let pace = self.pace(context, key);
        let account = LentAccount::of_key(lending.clone(), Secret::new(key), pace);
        Ok(ChosenUpstream {
            upstream: Upstream::Live(lending),
            account: Some(Arc::new(account)),
            ..ChosenUpstream::default()
        })
    }

    /// codexpin's own login goes before the live installation's, and is renewed where
    /// it has ended. The settings are the live installation's all the same.
    async fn with_own(
        &self,
        context: &Context,
        needed: SignedDuration,
    ) -> Result<ChosenUpstream, Unlent> {
        let Some(held) = own_login::held(context)? else {
            return Err(Unlent::NoLogin("codexpin has no login of its own".to_owned()));
        };
        let own = context.directories.own_login();
        // Before it is renewed: that asks its account.
        let mut held = self.same_as_before(vec![held], &own)?.remove(0);
        if !held.serves_until(Timestamp::now()) {
            context.events.tell(Event::LoginRenewing { profile: held.label() });
            own_login::renew(context).await?;
            held = own_login::held(context)?.unwrap_or(held);
        }
        let login =
            fittest(self.same_as_before(vec![held], &own)?, Timestamp::now() + needed, &own)?;
        let (state, config) =
            installation::lives_in(&context.environment, &context.directories.home);
        let watch =
            state.is_dir().then(|| LoginWatch::over(place_of(context, &state))).transpose()?;
        self.lent(context, &login, Lender::Own, config, watch)
    }

    fn with_installation(
        &self,
        context: &Context,
        needed: SignedDuration,
    ) -> Result<ChosenUpstream, Unlent> {
        let (state, config) =
            installation::lives_in(&context.environment, &context.directories.home);
        if !state.is_dir() {
            return Err(Unlent::NoLogin(format!("there is no OpenClaw state in {state}")));
        }
        let place = place_of(context, &state);
        let watch = LoginWatch::over(place.clone())?;
        let logins = login::read(&place).map_err(AppError::from)?;
        let logins = self.same_as_before(logins, &state)?;
        let login = fittest(logins, Timestamp::now() + needed, &state)?;
        self.lent(context, &login, Lender::Installation, config, Some(watch))
    }

    fn lent(
        &self,
        context: &Context,
        login: &Login,
        lender: Lender,
        config: Utf8PathBuf,
        watch: Option<LoginWatch>,
    ) -> Result<ChosenUpstream, Unlent> {
        let lending = Lending { lender, profile: login.label(), relay: self.relay };
        let lent = LentLogin::of(login).ok_or_else(|| {
            Unlent::NotNow(format!("nothing is known of {}'s end", login.label()))
        })?;
        let account = login.account.as_ref().unwrap_or(&lent.access).reveal();
        let pace = self.pace(context, account);
        Ok(ChosenUpstream {
            upstream: Upstream::Live(lending.clone()),
            account: Some(Arc::new(LentAccount::of_token(lending, lent, pace))),
            config: config.exists().then_some(config),
            watch,
        })
    }

    fn pace(&self, context: &Context, account: &str) -> Pace {
        Pace::new(
            account,
            &context.directories.accounts(),
            PaceLimits::of(self.max_turns.unwrap_or(MAX_TURNS)),
            self.earlier.as_ref().map_or(0, |earlier| earlier.turns),
        )
    }

    fn earlier_lending(&self) -> Option<&Lending> {
        self.earlier.as_ref()?.lending.as_ref()
    }

    /// The logins that a session may go on with: those of the name and the account that
    /// it began with. Without a session, all.
    fn same_as_before(&self, logins: Vec<Login>, place: &Utf8Path) -> Result<Vec<Login>, Unlent> {
        let Some(EarlierLending { lending: Some(begun_with), account, .. }) = &self.earlier else {
            return Ok(logins);
        };
        let profile = &begun_with.profile;
        let of_name: Vec<_> =
            logins.into_iter().filter(|login| login.label() == *profile).collect();
        if of_name.is_empty() {
            return Err(Unlent::NoLogin(format!("{place} has no login of that name now")));
        }
        let same = |login: &Login| account.is_none() || login.account_hash() == *account;
        let same: Vec<_> = of_name.into_iter().filter(same).collect();
        if same.is_empty() {
            return Err(Unlent::NoLogin(format!("it is another account's in {place} now")));
        }
        Ok(same)
    }

    /// The same lending once more, for a session that goes on.
    pub(super) fn again(session: &SessionRequest, max_turns: Option<usize>, turns: usize) -> Self {
        let lending = session.question.upstream.lending();
        let key = lending.filter(|lending| lending.lender == Lender::ApiKey);
        Self {
            choice: if lending.is_some() { UpstreamChoice::Live } else { UpstreamChoice::Loopback },
            relay: lending.is_some_and(|lending| lending.relay),
            api_key_env: key.map(|lending| lending.profile.clone()),
            max_turns,
            earlier: Some(EarlierLending {
                turns,
                lending: lending.cloned(),
                account: session.account.clone(),
            }),
        }
    }
}

fn place_of(context: &Context, state: &Utf8Path) -> Place {
    Place::new(state, &context.directories.home).with_environment(&context.environment)
}

/// Why no login is lent.
enum Unlent {
    /// There is none.
    NoLogin(String),
    /// There is one, and it cannot be lent as it is.
    NotNow(String),
    Failed(Box<AppError>),
}

impl Unlent {
    /// To a session that goes on, another login is of no use.
    fn of_session(self, begun_with: &Lending) -> AppError {
        let (class, why, again) = match (self, begun_with.lender) {
            (Self::Failed(failure), _) => return *failure,
            (Self::NoLogin(why), Lender::Own) => {
                (Class::Failure, why, "make it again, as that account: `codexpin login`")
            }
            (Self::NoLogin(why), _) => {
                (Class::Failure, why, "log in to that account again in OpenClaw")
            }
            (Self::NotNow(why), Lender::Own) => {
                (Class::Infrastructure, why, "`codexpin login` makes it again")
            }
            (Self::NotNow(why), _) => (
                Class::Infrastructure,
                why,
                "ask your agent anything, so that OpenClaw renews its login",
            ),
        };
        AppError::new(class, format!("the session was begun with {begun_with}: {why}"))
            .with_hint(format!("{again}; or begin anew: `codexpin bisect GOOD BAD`"))
    }
}

impl From<AppError> for Unlent {
    fn from(failure: AppError) -> Self {
        Self::Failed(Box::new(failure))
    }
}

/// The login that is good for longest: of several stores with the same login the
/// one that was renewed last.
fn fittest(logins: Vec<Login>, until: Timestamp, state: &Utf8Path) -> Result<Login, Unlent> {
    let usable = logins.into_iter().filter(|login| login.serves_until(Timestamp::UNIX_EPOCH));
    let best = usable.max_by_key(|login| login.expires);
    let best = best.ok_or_else(|| Unlent::NoLogin(format!("{state} has no ChatGPT login")))?;
    match best.expires {
        _ if best.serves_until(until) => Ok(best),
        Some(ended) if ended < Timestamp::now() => {
            Err(Unlent::NotNow(format!("the access token of {} ended at {ended:.0}", best.label())))
        }
        _ => Err(Unlent::NotNow(format!(
            "the access token of {} is good until {:.0}, which is too soon, and codexpin does not renew a live login",
            best.label(),
            best.expires.unwrap_or_default()
        ))),
    }
}
