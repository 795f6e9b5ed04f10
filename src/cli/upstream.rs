//! Who answers the model requests, and whose login is lent for it.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::{SignedDuration, Timestamp};

use super::context::Context;
use crate::app::AppError;
use crate::check::account::LentAccount;
use crate::explain::Class;
use crate::installation;
use crate::login::{self, Fingerprint, LentLogin, Login, Place};
use crate::question::{Lender, Lending, Upstream};
use crate::report::terminal;
use crate::secret::Secret;
use crate::upstream::pace::{Pace, PaceLimits};

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
    /// Turns that an earlier part of the session has taken.
    #[arg(skip)]
    taken: usize,
    /// Whose login an earlier part of the session was lent.
    #[arg(skip)]
    lender: Option<Lender>,
}

/// How many turns an account may be asked for, where the user does not say.
const MAX_TURNS: usize = 40;

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

/// What was decided.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    pub(super) upstream: Upstream,
    pub(super) account: Option<Arc<LentAccount>>,
    /// The live installation's config, where its login is lent.
    pub(super) config: Option<Utf8PathBuf>,
    /// Looks after the live logins.
    pub(super) watch: Option<Watch>,
}

/// Sees to it that the live logins are as they were.
#[derive(Debug)]
pub(super) struct Watch {
    place: Place,
    before: Fingerprint,
}

impl Watch {
    fn over(place: Place) -> Result<Self, AppError> {
        let before = Fingerprint::take(&place)?;
        Ok(Self { place, before })
    }

    /// Says whether anything changed meanwhile.
    pub(super) fn end(self) -> Result<(), AppError> {
        let after = Fingerprint::take(&self.place)?;
        let changed = self.before.differences(&after);
        if changed.is_empty() {
            terminal::note(
                "the live logins are as they were: codexpin compared them before and after",
            );
        }
        for path in changed {
            terminal::warning(&format!(
                "{path} changed meanwhile: the live OpenClaw may have renewed its login; codexpin writes nothing there"
            ));
        }
        Ok(())
    }
}

impl UpstreamArguments {
    /// Decides. `needed` is how long a login has to be good for, `only_loopback`
    /// what only the loopback can do.
    pub(super) async fn choose(
        &self,
        context: &Context,
        needed: SignedDuration,
        only_loopback: Option<&str>,
    ) -> Result<Chosen, AppError> {
        let wants_live =
            self.upstream == UpstreamName::Live || self.relay || self.api_key_env.is_some();
        match (self.upstream, only_loopback) {
            (UpstreamName::Loopback, _) if self.relay || self.api_key_env.is_some() => {
                return Err(AppError::usage("--relay and --api-key-env are for --upstream live"));
            }
            (UpstreamName::Loopback, _) => return Ok(Chosen::default()),
            (_, Some(what)) if wants_live => {
                return Err(AppError::usage(format!("{what} wants --upstream loopback"))
                    .with_hint("leave --upstream, --relay and --api-key-env out"));
            }
            (_, Some(_)) => return Ok(Chosen::default()),
            (_, None) => {}
        }
        if let Some(name) = &self.api_key_env {
            return self.with_key(context, name);
        }
        let chosen = match self.lender {
            Some(Lender::Installation) => self.with_installation(context, needed),
            Some(_) => self.with_own(context, needed).await,
            None => match self.with_own(context, needed).await {
                Err(Unlent::NoLogin(_)) => self.with_installation(context, needed),
                own => own,
            },
        };
        match chosen {
            Ok(chosen) => Ok(chosen),
            Err(Unlent::NoLogin(_)) if !wants_live => Ok(Chosen::default()),
            Err(Unlent::NotNow(why)) if !wants_live => {
                terminal::warning(&format!("{why}; the loopback answers instead"));
                Ok(Chosen::default())
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

    fn with_key(&self, context: &Context, name: &str) -> Result<Chosen, AppError> {
        let key = context.environment.get(name).ok_or_else(|| {
            AppError::usage(format!("{name} is not set"))
                .with_hint("export the key under this name")
        })?;
        let lending =
            Lending { lender: Lender::ApiKey, profile: name.to_owned(), relay: self.relay };
        let pace = self.pace(context, key);
        let account = LentAccount::of_key(lending.clone(), Secret::new(key), pace);
        Ok(Chosen {
            upstream: Upstream::Live(lending),
            account: Some(Arc::new(account)),
            ..Chosen::default()
        })
    }

    /// codexpin's own login goes before the live installation's, and is renewed where
    /// it has ended. The settings are the live installation's all the same.
    async fn with_own(&self, context: &Context, needed: SignedDuration) -> Result<Chosen, Unlent> {
        let Some(mut held) = super::login::held(context)? else {
            return Err(Unlent::NoLogin("codexpin has no login of its own".to_owned()));
        };
        if !held.serves_until(Timestamp::now()) {
            terminal::note("codexpin's own login has ended, and is renewed by a turn");
            super::login::renew(context).await?;
            held = super::login::held(context)?.unwrap_or(held);
        }
        let own = context.directories.own_login();
        let login = fittest(vec![held], Timestamp::now() + needed, &own)?;
        let (state, config) =
            installation::lives_in(&context.environment, &context.directories.home);
        let watch = state.is_dir().then(|| Watch::over(place_of(context, &state))).transpose()?;
        self.lent(context, &login, Lender::Own, config, watch)
    }

    fn with_installation(
        &self,
        context: &Context,
        needed: SignedDuration,
    ) -> Result<Chosen, Unlent> {
        let (state, config) =
            installation::lives_in(&context.environment, &context.directories.home);
        if !state.is_dir() {
            return Err(Unlent::NoLogin(format!("there is no OpenClaw state in {state}")));
        }
        let place = place_of(context, &state);
        let watch = Watch::over(place.clone())?;
        let logins = login::read(&place).map_err(AppError::from)?;
        let login = fittest(logins, Timestamp::now() + needed, &state)?;
        self.lent(context, &login, Lender::Installation, config, Some(watch))
    }

    fn lent(
        &self,
        context: &Context,
        login: &Login,
        lender: Lender,
        config: Utf8PathBuf,
        watch: Option<Watch>,
    ) -> Result<Chosen, Unlent> {
        let lending = Lending { lender, profile: login.label(), relay: self.relay };
        let lent = LentLogin::of(login).ok_or_else(|| {
            Unlent::NotNow(format!("nothing is known of {}'s end", login.label()))
        })?;
        let account = login.account.as_ref().unwrap_or(&lent.access).reveal();
        let pace = self.pace(context, account);
        Ok(Chosen {
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
            self.taken,
        )
    }

    /// The same lending once more, for a session that goes on.
    pub(super) fn again(upstream: &Upstream, max_turns: Option<usize>, taken: usize) -> Self {
        let lending = upstream.lending();
        let key = lending.filter(|lending| lending.lender == Lender::ApiKey);
        Self {
            upstream: if lending.is_some() { UpstreamName::Live } else { UpstreamName::Loopback },
            relay: lending.is_some_and(|lending| lending.relay),
            api_key_env: key.map(|lending| lending.profile.clone()),
            max_turns,
            taken,
            lender: lending.map(|lending| lending.lender),
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
