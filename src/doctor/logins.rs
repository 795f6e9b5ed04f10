//! The ChatGPT logins: whether there is one that the release reads, whether there
//! are too many, and how long they are good.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::finding::{Finding, Level};
use super::login_file::login;
use super::{Account, Facts};
use crate::login::{CodexHomeLogin, LoginKind};
use crate::openclaw::Change;
use crate::openclaw::names::{LoginFormat, OPENAI, OPENAI_CODEX, reads};
use crate::process::quoted;
use crate::release::Version;

/// A login that cannot be renewed and ends sooner is told of.
const SOON: SignedDuration = SignedDuration::from_hours(24);
/// A login that could have been renewed for so long, and was not, is told of.
const LONG: SignedDuration = SignedDuration::from_hours(24);

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some((why, hint)) = &facts.logins_unread {
        let empty =
            facts.auth_files.iter().any(|file| file.size == 0 && why.contains(file.path.as_str()));
        if !empty {
            findings.push(
                Finding::problem("logins-unreadable", "a store of logins cannot be read")
                    .why(match hint {
                        Some(hint) => format!("{why}: {hint}"),
                        None => why.clone(),
                    })
                    .mend(facts.command("models status")),
            );
        }
        return findings;
    }
    findings.extend(older_store(facts));
    let read: Vec<_> = facts.read_logins().collect();
    if read.is_empty() && findings.iter().all(|finding| finding.level < Level::Problem) {
        findings.extend(none(facts));
    }
    findings.extend(several(facts, &read));
    let mut told = BTreeSet::new();
    for account in &read {
        // One login is often in the stores of several agents.
        if told.insert((&account.label, account.expires)) {
            let others = read.iter().filter(|other| other.label != account.label);
            findings.extend(ending(facts, account).map(|finding| match finding.level {
                _ if !is_needed(facts) => Finding { level: Level::Note, ..finding },
                Level::Problem if others.into_iter().any(|other| is_good(facts, other)) => {
                    Finding { level: Level::Warning, ..finding }
                }
                _ => finding,
            }));
        }
    }
    findings.extend(named_and_missing(facts, &read));
    findings
}

pub(super) fn sound(facts: &Facts) -> Option<String> {
    let Some(account) = facts.read_logins().max_by_key(|account| account.expires) else {
        let home = facts.codex_home_logins().next().filter(|_| facts.runs_codex())?;
        return Some(format!("Codex's own, in {}", home.path));
    };
    let until = account.expires.map(|expires| format!(", good until {expires:.0}"));
    let renewed = if account.renewable { ", and renewed by itself" } else { "" };
    Some(format!("{}{}{renewed}", account.label, until.unwrap_or_default()))
}

/// Whether a turn needs a ChatGPT login.
pub(super) fn is_needed(facts: &Facts) -> bool {
    facts.route().is_some_and(|route| match route.provider.as_str() {
        OPENAI_CODEX => true,
        OPENAI => facts.api_keys.is_empty(),
        _ => false,
    })
}

/// No store has one. Up to 2026.9.4 the Codex app-server then uses what lies in its own home.
fn none(facts: &Facts) -> Option<Finding> {
    let release = facts.release()?;
    let in_home = facts.codex_home_logins().next();
    if let Some(home) = in_home.filter(|_| is_needed(facts) && facts.runs_codex()) {
        let of_user = home.agent.is_none();
        return (Change::CodexHomeLoginUnread.is_in(release) && !of_user)
            .then(|| in_codex_home(facts, home, release))
            .or_else(|| ended_in_codex_home(facts, home));
    }
    is_needed(facts).then(|| {
        let route = facts.route().map(ToString::to_string).unwrap_or_default();
        Finding::problem("no-login", "there is no ChatGPT login")
            .file(&facts.state)
            .why(format!("the route {route} asks with one: a turn ends with `No API key found`"))
            .mend(login(facts))
    })
}

fn in_codex_home(facts: &Facts, home: &CodexHomeLogin, release: Version) -> Finding {
    let agent = home.agent.as_deref().unwrap_or_default();
    let directory = home.path.parent().unwrap_or(&home.path);
    let import = |what: &str, end: &str| {
        let directory = quoted(directory.as_str());
        let words = format!("migrate {what} codex --from {directory} --agent {agent}");
        facts.command(&format!("{words} --include-secrets --item auth:openai{end}"))
    };
    Finding::problem(
        "login-in-codex-home",
        format!("the only login is Codex's own, and {release} does not use it"),
    )
    .file(&home.path)
    .why(format!(
        "since {} the app-server is given a login of OpenClaw's store and no longer looks into its \
         home: a turn ends with `auth profile was not found`, shown as a 401. Import it, or log in",
        Change::CodexHomeLoginUnread.stable()
    ))
    .mend(import("plan", ""))
    .mend(import("apply", " --yes"))
    .mend(login(facts))
}

fn ended_in_codex_home(facts: &Facts, home: &CodexHomeLogin) -> Option<Finding> {
    let expires = home.expires.filter(|_| !home.is_good(facts.now))?;
    Some(
        Finding::problem("login-ended", format!("the login in Codex's home ended at {expires:.0}"))
            .file(&home.path)
            .why(
                "it is the only one, and there is nothing to renew it with: a turn ends with a 401",
            )
            .mend(login(facts)),
    )
}

/// A login in a store of another time is not read, or stops the release.
fn older_store(facts: &Facts) -> Option<Finding> {
    let release = facts.release()?;
    let unread = facts
        .accounts
        .iter()
        .find(|account| account.kind == LoginKind::OAuth && !reads(release, account.format))?;
    let (file, inline) = (place(facts, unread), unread.format != LoginFormat::Sqlite);
    if inline && Change::OlderLoginsRefused.is_in(release) {
        return Some(
            Finding::problem(
                "login-store-older",
                format!("{release} waits for the logins to be moved"),
            )
            .file(file)
            .why(
                "while a login of an older release lies there no turn is started \
                     (`AUTH_PROFILE_MIGRATION_REQUIRED`). OpenClaw's own doctor moves it into the \
                     database; that is one-way",
            )
            .mends(facts.offline_doctor()),
        );
    }
    if facts.read_logins().next().is_some() {
        // An upgrade leaves the old file where it is.
        return None;
    }
    let title = format!("the login is where {release} does not look");
    let finding = Finding::problem("login-store-unread", title).file(file);
    Some(if inline {
        finding
            .why("an older release kept it there; OpenClaw's own doctor moves it into the database")
            .mend(facts.command("doctor --fix"))
    } else {
        finding
            .why(
                "a newer release keeps it in a database, which this one does not read: log in anew",
            )
            .mend(login(facts))
    })
}

pub(super) fn place(facts: &Facts, account: &Account) -> camino::Utf8PathBuf {
    let agent = facts.state.join("agents").join(&account.agent).join("agent");
    match account.format {
        LoginFormat::Inline | LoginFormat::Sealed => agent.join("auth-profiles.json"),
        LoginFormat::Sqlite => agent.join("openclaw-agent.sqlite"),
    }
}

/// More than one login that an agent would try; `auth.order` can leave some out.
fn several(facts: &Facts, read: &[&Account]) -> Option<Finding> {
    let order = facts.settings().map(|settings| settings.order.as_slice()).unwrap_or_default();
    let tried = |account: &&&Account| {
        let listed = order.iter().find(|(provider, _)| *provider == account.provider);
        listed.is_none_or(|(_, profiles)| profiles.contains(&account.profile))
    };
    let agents: BTreeSet<_> = read.iter().map(|account| account.agent.as_str()).collect();
    let of = |agent: &str| {
        let mut names = BTreeSet::new();
        let of_agent = read.iter().filter(|account| account.agent == agent).filter(tried);
        of_agent.copied().filter(|account| names.insert(&account.profile)).collect::<Vec<_>>()
    };
    let all = agents.into_iter().map(|agent| (agent, of(agent)));
    let (agent, logins) = all.max_by_key(|(_, logins)| logins.len())?;
    // Of two that are good for equally long, the one that can be named.
    let best = |login: &&&Account| (login.expires, login.label == login.profile);
    let keep = logins.iter().max_by_key(best).filter(|_| logins.len() > 1)?;
    let labels: Vec<_> = logins.iter().map(|login| login.label.as_str()).collect();
    let accounts: BTreeSet<_> = logins.iter().filter_map(|login| login.account).collect();
    let same = accounts.len() < logins.iter().filter(|login| login.account.is_some()).count();
    let title = format!("there are {} ChatGPT logins: {}", logins.len(), labels.join(", "));
    let twice =
        "a turn that times out is tried again with each of them, which multiplies every time-out";
    let why = if same {
        format!("two are of one account, and one that is renewed can log the other out; {twice}")
    } else {
        twice.to_owned()
    };
    let order = format!("auth.order.{}", keep.provider);
    // What is left out of the label is left out of a command, too.
    let told = keep.label == keep.profile;
    let why = if told { why } else { format!("{why}; {order} names the one to use") };
    let finding = Finding::warning("several-logins", title)
        .file(place(facts, keep))
        .key(format!("profiles of the agent {agent}"))
        .why(why)
        .mend(facts.command("models auth list"));
    let set = format!("config set {order} '[\"{}\"]' --strict-json", keep.label);
    Some(if told { finding.mend(facts.command(&set)) } else { finding })
}

/// Whether a turn can be asked with it, now or once it has renewed itself.
pub(super) fn is_good(facts: &Facts, account: &Account) -> bool {
    let runs = account.expires.is_none_or(|expires| expires > facts.now);
    account.renewable || (account.has_access && runs)
}

fn ending(facts: &Facts, account: &Account) -> Option<Finding> {
    let at = |finding: Finding| finding.file(place(facts, account)).key(&account.label);
    if !account.has_access && !account.renewable {
        return Some(at(Finding::problem(
            "login-without-token",
            format!("{} has no access token", account.label),
        )
        .why("nothing can be asked with it")
        .mend(login(facts))));
    }
    let expires = account.expires?;
    let left = left(facts.now, expires);
    let ended = format!("the access token of {} ended at {expires:.0}", account.label);
    match (account.renewable, left) {
        (false, left) if left <= SignedDuration::ZERO => {
            Some(at(Finding::problem("login-ended", ended)
                .why("there is nothing to renew it with: a turn ends with a 401")
                .mend(login(facts))))
        }
        (false, left) if left < SOON => Some(at(Finding::warning(
            "login-ending",
            format!("the access token of {} ends at {expires:.0}", account.label),
        )
        .why("there is nothing to renew it with")
        .mend(login(facts)))),
        (true, left) if left < -LONG => Some(at(Finding::warning("login-not-renewed", ended)
            .why(
                "the next turn renews it, and none has for more than a day. If turns were asked \
                     since, its refresh token is spent: log in anew",
            )
            .mend("codexpin check live")
            .mend(login(facts)))),
        (true, left) if left <= SignedDuration::ZERO => {
            Some(at(Finding::note("login-to-be-renewed", ended)
                .why("the next turn renews it; until then codexpin cannot lend it")))
        }
        _ => None,
    }
}

fn left(now: Timestamp, expires: Timestamp) -> SignedDuration {
    expires.duration_since(now)
}

/// Profiles that the config names and no store has. Where a turn is led to one of them,
/// and to nothing else, it fails.
fn named_and_missing(facts: &Facts, read: &[&Account]) -> Vec<Finding> {
    let Some(settings) = facts.settings().filter(|_| !read.is_empty()) else { return Vec::new() };
    let there = |name: &String| read.iter().any(|account| account.profile == *name);
    let any_there = settings.profiles.iter().any(|(_, name)| there(name));
    let finding = |label: &String, key: String, level: Level| {
        let what = match facts.release() {
            Some(release) => {
                format!("ends in {release} with `auth profile was not found` or a 401")
            }
            None => "fails".to_owned(),
        };
        Finding::new(
            "profile-without-login",
            level,
            format!("the config names {label}, and there is no such login"),
        )
        .file(&facts.config)
        .key(key)
        .why(format!("a turn that is led to it {what}"))
        .mend(login(facts))
    };
    let level = if is_needed(facts) && !any_there { Level::Problem } else { Level::Warning };
    let missing = settings.profiles.iter().filter(|(_, name)| !there(name));
    let mut findings: Vec<_> =
        missing.map(|(label, _)| finding(label, format!("auth.profiles.{label}"), level)).collect();
    // What stands behind the model's at sign is used and nothing else.
    if let Some((label, _)) = settings
        .profile
        .as_ref()
        .filter(|(_, name)| !there(name) && !facts.api_keys.iter().any(|key| key.name == *name))
    {
        let key = settings.route_key.clone().unwrap_or_default();
        findings.push(finding(label, key, Level::Problem));
    }
    findings
}
