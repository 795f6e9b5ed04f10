//! A live installation that changes: the plan, the steps, the end.

use std::fmt::Write as _;

use camino::Utf8Path;
use indicatif::DecimalBytes;
use serde::Serialize;

use super::paint::Paint as _;
use super::{OutputForm, minute, print_if_json, terminal};
use crate::apply::{
    ApplyOutcome, EarlierConfig, Note, Operation, PartKind, Plan, PlannedScript, Proof, SavedBy,
    Setback, Step, Versions, Warning,
};
use crate::event::Event;
use crate::installation::Installation;
use crate::release::{PackageName, Version};

/// What an apply or an undo does: for a person as it comes, as JSON at the end.
#[derive(Debug)]
pub struct ApplyReport {
    form: OutputForm,
    content: ApplyJson,
}

#[derive(Debug, Default, Serialize)]
struct ApplyJson {
    /// How earlier ones ended that had been killed.
    recovered: Vec<ApplyOutcome>,
    /// What was to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Plan>,
    /// The backup that is undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    undone: Option<String>,
    /// How it ended; none where nothing was to be changed.
    #[serde(flatten)]
    outcome: Option<ApplyOutcome>,
}

impl ApplyReport {
    /// Nothing has happened yet.
    pub fn new(form: OutputForm) -> Self {
        Self { form, content: ApplyJson::default() }
    }

    /// What a killed codexpin had left was finished, or put back.
    pub fn recovered(&mut self, outcomes: Vec<ApplyOutcome>) {
        for outcome in &outcomes {
            self.show_outcome(outcome);
        }
        self.content.recovered = outcomes;
    }

    /// What would change, and what to know before saying yes; with every step where
    /// nothing but this is asked for.
    pub fn plan(&mut self, plan: &Plan, installation: &Installation, with_steps: bool) {
        if self.form == OutputForm::Text {
            print_plan(plan, installation);
        }
        self.warn_and_keep(plan, with_steps);
        if plan.is_already_as_pinned() {
            self.content.outcome = Some(ApplyOutcome::AlreadyAsPinned { installed: plan.from });
        }
    }

    /// What an undo goes back to; with every step where nothing but this is asked for.
    pub fn undo(&mut self, backup: &str, plan: &Plan, with_steps: bool) {
        if self.form == OutputForm::Text {
            let (from, back) = (plan.from.core, plan.to.core);
            terminal::print(&format!("undo {backup}: {from} -> {back}"));
        }
        self.content.undone = Some(backup.to_owned());
        self.warn_and_keep(plan, with_steps);
    }

    /// What keeping `OpenClaw` from updating itself changes, or letting it again; with every
    /// step where nothing but this is asked for.
    pub fn hold(&mut self, plan: &Plan, operation: Operation, with_steps: bool) {
        if self.form == OutputForm::Text && !plan.steps.is_empty() {
            terminal::print(&hold_plan_text(plan, operation));
        }
        self.warn_and_keep(plan, with_steps);
    }

    fn warn_and_keep(&mut self, plan: &Plan, with_steps: bool) {
        for warning in &plan.warnings {
            terminal::warning(&warning_line(warning));
        }
        if self.form == OutputForm::Text && with_steps {
            print_steps(plan);
        }
        self.content.plan = Some(plan.clone());
    }

    /// What an undo goes back to did not run then.
    pub fn was_down(&self, back: Version) {
        terminal::warning(&format!(
            "the Gateway of {back} was not running when it was replaced: it may not come up now \
             either, and then all is put back"
        ));
    }

    /// How it ended.
    pub fn outcome(&mut self, outcome: ApplyOutcome) {
        self.show_outcome(&outcome);
        self.content.outcome = Some(outcome);
    }

    /// Prints the JSON, where that is the form.
    pub fn end(self) {
        print_if_json(self.form, &self.content);
    }

    fn show_outcome(&self, outcome: &ApplyOutcome) {
        if self.form == OutputForm::Text {
            terminal::print(outcome_text(outcome).trim_end());
        }
        for warning in outcome.notes().iter().filter_map(untried_config) {
            terminal::warning(&warning);
        }
    }
}

fn print_plan(plan: &Plan, installation: &Installation) {
    let mut text = String::new();
    if plan.is_already_as_pinned() {
        let _ = writeln!(text, "already as pinned: {}", versions(plan.from));
    } else {
        let _ = writeln!(
            text,
            "{}",
            format!("{} -> {}", versions(plan.from), versions(plan.to)).bold()
        );
    }
    let _ = writeln!(
        text,
        "  installation  {} on Node {}",
        installation.core.directory, installation.node.version
    );
    for line in plan.steps.iter().filter_map(|step| change_line(step, plan)) {
        let _ = writeln!(text, "  {line}");
    }
    if !plan.scripts.is_empty() {
        let _ = writeln!(text, "  scripts       {}", scripts_line(&plan.scripts));
    }
    if !plan.is_already_as_pinned() {
        let _ = writeln!(
            text,
            "  backup        openclaw.json, agent state, unit and package manifests, before the swap"
        );
        let _ =
            writeln!(text, "  proof         {}; if one fails, all is put back", proof_words(plan));
    }
    terminal::print(text.trim_end());
}

fn hold_plan_text(plan: &Plan, operation: Operation) -> String {
    let mut text = format!("{operation} {}", versions(plan.from).bold());
    for step in &plan.steps {
        let _ = match step {
            Step::Hold { change } => {
                let hold = change.after.as_ref().or(change.before.as_ref());
                let Some(hold) = hold else { continue };
                if !hold.settings.is_empty() {
                    let _ = write!(text, "\n  config   {}; all else in it stays", hold.config);
                }
                if let Some(drop_in) = &hold.drop_in {
                    let _ = write!(text, "\n  drop-in  {drop_in}");
                }
                write!(text, "\n  how      {}", change.sentence())
            }
            Step::Start { unit } => {
                let unit = unit.file_name().unwrap_or(unit.as_str());
                write!(text, "\n  service  {unit} stops for it and starts after it")
            }
            _ => continue,
        };
    }
    text
}

fn proof_words(plan: &Plan) -> &'static str {
    let live = |step: &Step| matches!(step, Step::Prove { proof: Proof::LiveReply });
    if plan.steps.iter().any(live) {
        "--version, the service, a reply in scratch, and one of the live agent (a turn of your account)"
    } else {
        "--version, the service, and a reply in scratch (the live agent is not asked)"
    }
}

/// npm 11 and older run all of them, npm 12 those of the core alone.
fn scripts_line(scripts: &[PlannedScript]) -> String {
    let named = scripts.iter().map(|script| {
        let new = if script.new { " (new: not in what is installed)" } else { "" };
        format!("{}{new}", script.package)
    });
    let named: Vec<_> = named.collect();
    format!("npm may run the install scripts of {}", named.join(", "))
}

/// The steps, in the order in which they are taken.
fn print_steps(plan: &Plan) {
    let numbered =
        plan.steps.iter().zip(1..).map(|(step, number)| format!("  {number:>2}  {step}"));
    let lines: Vec<_> = numbered.collect();
    if !lines.is_empty() {
        terminal::print(&format!("steps\n{}", lines.join("\n")));
    }
}

fn outcome_text(outcome: &ApplyOutcome) -> String {
    let mut text = String::new();
    match outcome {
        ApplyOutcome::AlreadyAsPinned { installed } => {
            let _ = writeln!(text, "already as pinned: {}", versions(*installed));
        }
        ApplyOutcome::AlreadyHeld { held, since } => {
            let _ = writeln!(text, "already held: {}, since {}", versions(*held), minute(*since));
        }
        ApplyOutcome::NotHeld { installed } => {
            let _ = writeln!(text, "not held: {}; nothing was changed", versions(*installed));
        }
        ApplyOutcome::Done { operation, to, notes, .. } if !operation.changes_release() => {
            let _ = writeln!(text, "{}: {}", verb(*operation).green().bold(), versions(*to));
            add_notes(&mut text, notes);
            let next = match operation {
                Operation::Hold => "codexpin unhold    lets OpenClaw update itself again",
                _ => "codexpin hold    keeps OpenClaw from updating itself",
            };
            let _ = writeln!(text, "  next  {next}");
        }
        ApplyOutcome::Done { operation, from, to, backup, kept, notes, .. } => {
            let _ = writeln!(
                text,
                "{}: {} -> {}",
                verb(*operation).green().bold(),
                versions(*from),
                versions(*to)
            );
            add_notes(&mut text, notes);
            let bytes: u64 = kept.iter().map(|kept| kept.bytes).sum();
            let _ = writeln!(
                text,
                "  kept    {} of {} for `codexpin undo`",
                DecimalBytes(bytes),
                versions(*from)
            );
            let _ = writeln!(text, "  backup  {backup}");
            let _ = writeln!(text, "  next    codexpin undo    goes back to {}", from.core);
        }
        ApplyOutcome::Unproven { operation, from, to, why, backup, notes, .. } => {
            let _ = writeln!(
                text,
                "{}, but could not be proved: {} -> {}",
                verb(*operation).yellow().bold(),
                versions(*from),
                versions(*to)
            );
            for why in why {
                let _ = writeln!(text, "  why     {why}");
            }
            add_notes(&mut text, notes);
            let _ = writeln!(text, "  backup  {backup}");
            let _ = writeln!(text, "  next    codexpin check live    asks it for a reply");
            let _ = writeln!(text, "          codexpin undo          goes back to {}", from.core);
        }
        ApplyOutcome::RolledBack { operation, from, why, setback, backup, notes, .. }
            if !operation.changes_release() =>
        {
            let reason = match setback {
                Setback::Disproved => "its Gateway did not come up again",
                Setback::StepFailed => "a step failed",
                Setback::Interrupted => "you stopped it",
                Setback::Killed => "codexpin was killed",
            };
            let (head, from) = ("put back".yellow().bold(), versions(*from));
            let _ = writeln!(text, "{head}: {from} runs as it did; {reason}");
            let _ = writeln!(text, "  why     {why}");
            add_notes(&mut text, notes);
            let _ = writeln!(text, "  backup  {backup}");
        }
        ApplyOutcome::RolledBack { from, to, why, setback, backup, notes, .. } => {
            let to = versions(*to);
            let reason = match setback {
                Setback::Disproved => format!("{to} failed its proof"),
                Setback::StepFailed => format!("a step on the way to {to} failed"),
                Setback::Interrupted => format!("you stopped it on the way to {to}"),
                Setback::Killed => format!("codexpin was killed on the way to {to}"),
            };
            let _ = writeln!(
                text,
                "{}: {} stays; {reason}",
                "put back".yellow().bold(),
                versions(*from),
            );
            let _ = writeln!(text, "  why     {why}");
            add_notes(&mut text, notes);
            let _ = writeln!(text, "  backup  {backup}");
        }
    }
    text
}

pub(super) fn versions(versions: Versions) -> String {
    match versions.plugin {
        Some(plugin) => format!("{} with plugin {plugin}", versions.core),
        None => versions.core.to_string(),
    }
}

/// The line of a step that changes something.
fn change_line(step: &Step, plan: &Plan) -> Option<String> {
    let tree = |wanted: PartKind| {
        let tested = plan.steps.iter().any(
            |step| matches!(step, Step::Stage { part, tested_tree: true, .. } if *part == wanted),
        );
        if tested { "the tested dependency tree" } else { "today's dependencies" }
    };
    Some(match step {
        Step::Exchange { part: PartKind::Core, from, to, .. } => {
            format!("core          {from} -> {to}, with {}", tree(PartKind::Core))
        }
        Step::Exchange { part: PartKind::Plugin, live, from, to } => {
            format!("plugin        {from} -> {to}, with {}, in {live}", tree(PartKind::Plugin))
        }
        Step::PutConfig { path, saved: EarlierConfig { path: saved, by, written_by, .. } } => {
            let name = saved.file_name().unwrap_or(saved.as_str());
            let from = match by {
                SavedBy::Codexpin => format!("as it was saved in {saved}"),
                SavedBy::OpenClaw => format!("as OpenClaw saved it in {name}"),
            };
            let by = written_by.map(|by| format!(", last written by {by}"));
            format!("config        {path} {from}{}", by.unwrap_or_default())
        }
        Step::CarryState { to, carry } => format!("state         {}", carry.sentence(*to)),
        Step::Hold { change } => {
            let hold = change.after.as_ref()?;
            format!("hold          {}; --no-hold leaves it out", hold.means())
        }
        Step::Start { unit } => format!(
            "service       {} stops for the swap and starts after it",
            unit.file_name().unwrap_or(unit.as_str())
        ),
        _ => return None,
    })
}

fn warning_line(warning: &Warning) -> String {
    match warning {
        Warning::PluginLeftAlone { version } => {
            format!("the pin says nothing about the plugin; {version} stays as it is")
        }
        Warning::PluginNotAdded { version } => {
            format!(
                "the pin has plugin {version}, and none is installed: it is not added (`openclaw plugins install @openclaw/codex@{version}` adds it)"
            )
        }
        Warning::PluginInSharedProject { version, pinned } => {
            format!(
                "the plugin {version} shares its npm project with others and stays; the pin has {pinned}"
            )
        }
        Warning::UntestedTree => {
            "the pin has no lock file: the dependencies are today's, not those that were tested, and which install scripts they have is not known"
                .to_owned()
        }
        Warning::NoIntegrity { part, version } => {
            format!("the pin has no hash of the {part} {version}: what the registry has today is taken")
        }
        // The variable: docs/gateway/troubleshooting.md of 2026.5.28 and 2026.7.1,
        // "newer config guard". The service of 2026.6.11 takes no notice of it.
        Warning::ConfigFromNewer { path, written_by, refused_by } => {
            format!(
                "{}; OpenClaw left no copy from before the upgrade: put your own in its place, or one from an `openclaw backup create` archive, before you apply (OPENCLAW_ALLOW_OLDER_BINARY_DESTRUCTIVE_ACTIONS=1 is documented for single commands, not for a service)",
                from_newer(path, *written_by, *refused_by)
            )
        }
        Warning::ConfigBroken { problem, .. } => format!(
            "{problem}: no release starts with it; the saved config takes its place, and the broken one stays in the backup"
        ),
        Warning::SettingsLeftOut { names } => {
            format!(
                "the saved config differs in {}; what was set since the upgrade stays in the backup",
                names.join(", ")
            )
        }
        Warning::HeldWithoutConfig { why } => {
            format!("openclaw.json is left as it is ({why}): the variable of the unit holds alone")
        }
        Warning::NotHeld { why } => format!("not held: {why}"),
        Warning::NoService => {
            "there is no service: restart the Gateway yourself if it runs".to_owned()
        }
        Warning::ServiceStopped => "the service is stopped, and stays so".to_owned(),
        Warning::OtherOnPath { path } => {
            format!(
                "PATH finds another openclaw, {path}; it stays as it is, the service's is changed"
            )
        }
    }
}

fn from_newer(path: &Utf8Path, written_by: Version, refused_by: Version) -> String {
    format!(
        "{path} was last written by {written_by}: a Gateway of {refused_by} refuses to start with it"
    )
}

fn package_word(package: &PackageName) -> &'static str {
    if *package == PackageName::PLUGIN { "plugin" } else { "core" }
}

/// The line for a step of an apply; none for what is not worth one.
pub(super) fn line(event: &Event) -> Option<String> {
    let unit_name = |unit: &Utf8Path| unit.file_name().unwrap_or(unit.as_str()).to_owned();
    Some(match event {
        Event::ApplyResumed { backup, step, back } => {
            let at = step.as_ref().map(|step| format!(", at the step `{step}`"));
            let doing = if *back { "putting the machine back as it was" } else { "finishing it" };
            format!("an earlier apply was killed{}; {doing} from {backup}", at.unwrap_or_default())
        }
        Event::ApplyStaging { package, version } => {
            format!("staging   {} {version} beside the live one", package_word(package))
        }
        Event::ApplyStopping { unit } => format!("stopping  {}", unit_name(unit)),
        Event::ApplySaved { backup, files } => format!("saved     {files} files in {backup}"),
        Event::ApplySwapped { package, version } => {
            format!("swapped   {} {version} is live", package_word(package))
        }
        Event::ApplyConfigPlaced { path, .. } => format!("restored  {path}"),
        Event::ApplyHeld { means: Some(means) } => format!("held      {means}"),
        Event::ApplyHeld { means: None } => "let go    OpenClaw updates as before".to_owned(),
        Event::ApplyStarting { unit } => format!("starting  {}", unit_name(unit)),
        Event::ApplyProving { version } => format!("proving   {version}"),
        Event::ApplyReverting { why } => {
            format!("{}: {why}; putting everything back", "failed".red().bold())
        }
        Event::ApplyUnproven { why, .. } => {
            format!("{}: {why}; nothing is put back", "unproven".yellow().bold())
        }
        _ => return None,
    })
}

fn verb(operation: Operation) -> &'static str {
    match operation {
        Operation::Apply => "applied",
        Operation::Undo => "undone",
        Operation::Hold => "held",
        Operation::Unhold => "no longer held",
    }
}

/// Louder than a note: all is well but for the Gateway that is yet to be started.
fn untried_config(note: &Note) -> Option<String> {
    if let Note::ConfigBroken { problem, .. } = note {
        return Some(format!("{problem}: mend it before you start a service"));
    }
    let Note::ConfigFromNewer { path, written_by, refused_by } = note else { return None };
    let refused = from_newer(path, *written_by, *refused_by);
    Some(format!(
        "{refused}, and no service was there to try it: put a copy from before the upgrade in its place before you start one, or go back with `codexpin undo`"
    ))
}

fn add_notes(text: &mut String, notes: &[Note]) {
    for note in notes {
        let line = match note {
            Note::Restored { path } => format!("{path} is as it was before"),
            Note::DatabaseRestored { path, migrated, schema } => format!(
                "{path} had been migrated to schema {migrated} and is back at {schema}; a login that was refreshed meanwhile may have to be done again"
            ),
            Note::ConfigFromNewer { .. } | Note::ConfigBroken { .. } => continue,
            Note::ConfigReplaced { path, problem, broken } => format!(
                "{path} could not be read and is as it was saved; the broken one is {broken} ({problem})"
            ),
            Note::ConfigKept { path, saved } => {
                format!("{path} was edited since and stays; the saved one is {saved}")
            }
        };
        let _ = writeln!(text, "  note    {line}");
    }
}
