//! codexpin in a process of its own, so that it can be killed: this test
//! binary, started again with what to do in a variable.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use codexpin::apply::{Apply, ApplyError, ApplyTarget, Operation, ProofResult, Prover};
use codexpin::cli::exit;
use codexpin::env::Environment;
use codexpin::event::Events;
use codexpin::exit_code::ExitCode;
use codexpin::explain::Explain as _;
use codexpin::installation::{Installation, LiveMachine, ServiceLimits};
use codexpin::log::Log;
use codexpin::npm::registry::{Registry, RegistryLimits};
use codexpin::npm::run::{Npm, NpmPlaces};
use codexpin::npm::{NpmConfig, NpmEnvironment};
use codexpin::pin::Pin;
use codexpin::process::Processes;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// Answers as the request says; waits for a file before that.
struct Scripted {
    live_failed: Option<String>,
    failed: Option<String>,
    unproven: Option<String>,
    full: bool,
    gate: Option<Utf8PathBuf>,
}

impl Prover for Scripted {
    async fn ask(&self, _: &Installation) -> ProofResult {
        while self.gate.as_ref().is_some_and(|gate| !gate.exists()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if self.full {
            let_files_take(Some(0));
        }
        match (&self.failed, &self.unproven) {
            (Some(why), _) => ProofResult::Failed(why.clone()),
            (None, Some(reason)) => ProofResult::Unproven(reason.clone()),
            (None, None) => ProofResult::Proved,
        }
    }

    async fn ask_live(&self, _: &Installation) -> ProofResult {
        match &self.live_failed {
            Some(why) => ProofResult::Failed(why.clone()),
            None => ProofResult::Proved,
        }
    }
}

/// From now on no file that is written takes more bytes than this: a full disk, for
/// this process alone. The signal that goes with it is ignored from the start.
fn let_files_take(bytes: Option<u64>) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: bytes.or(maximum), maximum }).unwrap();
}

#[test]
#[ignore = "the other tests start it"]
fn driver() {
    let Ok(request) = std::env::var("CODEXPIN_TEST_REQUEST") else { return };
    let request: Value = serde_json::from_str(&request).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = match runtime.block_on(run(&request)) {
        Ok(value) => value,
        Err(Failed { text, exit }) => json!({"error": text, "exit": exit}),
    };
    let_files_take(None);
    fs_err::write(path(&request, "answer"), answer.to_string()).unwrap();
}

struct Failed {
    text: String,
    exit: u8,
}

impl From<ApplyError> for Failed {
    fn from(error: ApplyError) -> Self {
        Self { text: error.to_string(), exit: ExitCode::from(error.class()).number() }
    }
}

fn path(request: &Value, key: &str) -> Utf8PathBuf {
    request[key].as_str().unwrap().into()
}

async fn run(request: &Value) -> Result<Value, Failed> {
    let root = path(request, "root");
    let environment = Environment::of_this_process();
    let processes = Processes::new();
    let home = Utf8PathBuf::from(environment.get("HOME").unwrap());
    let places = NpmPlaces {
        project_config: None,
        executable: Npm::locate(&environment).unwrap(),
        global_config: None,
        user_config: home.join(".npmrc"),
        cache: root.join("npm-cache"),
    };
    let npm = Npm::new(&places, &environment, &[], processes.clone());
    let config = NpmConfig::load(&NpmEnvironment {
        env: environment.all().clone(),
        cwd: home.clone(),
        home: home.clone(),
        npm: None,
    });
    let limits = RegistryLimits::of(&config);
    let registry =
        Registry::new(config, limits, root.join("registry"), jiff::Timestamp::now).unwrap();
    let surroundings = LiveMachine { environment, home, processes };
    let steps = format!("{}.steps", path(request, "answer"));
    let events = Events::to(move |event| {
        let mut file = std::fs::File::options().create(true).append(true).open(&steps).unwrap();
        // A disk that is full for this test takes no events either.
        let _ = writeln!(file, "{}", serde_json::to_string(&event).unwrap());
    });
    let stop = CancellationToken::new();
    let apply = Apply {
        machine: &surroundings,
        npm: &npm,
        registry: &registry,
        backups: root.join("codexpin/backups"),
        limits: ServiceLimits {
            ready: Duration::from_secs(20),
            settle: Duration::from_millis(300),
        },
        now: jiff::Timestamp::now,
        stop: &stop,
        events,
        live_check: true,
        hold: request["hold"] != json!(false),
        log: Log::new(Arc::default, None),
    };
    let proof = Scripted {
        live_failed: request["live_proof"].as_str().map(str::to_owned),
        failed: request["proof"].as_str().map(str::to_owned),
        unproven: request["unproven"].as_str().map(str::to_owned),
        full: request["full"] == json!(true),
        gate: request["wait_for"].as_str().map(Utf8PathBuf::from),
    };
    let find = || async { Installation::find(&surroundings).await.map_err(ApplyError::from) };
    let outcome = match request["do"].as_str().unwrap() {
        "go-on" => {
            let outcomes = apply.go_on(&proof).await?;
            return Ok(json!({"ok": outcomes}));
        }
        "undo" => {
            let installation = find().await?;
            let undone = apply.undoable(&installation, None)?;
            let plan = apply.plan_undo(&installation, &undone).await?;
            apply.undo(&installation, &undone, &plan).await?
        }
        "hold" => {
            let installation = find().await?;
            let plan = apply.plan_hold(&installation).await?;
            apply.change_hold(Operation::Hold, &installation, &plan).await?
        }
        "unhold" => {
            let installation = find().await?;
            let plan = apply.plan_unhold(&installation).await?;
            apply.change_hold(Operation::Unhold, &installation, &plan).await?
        }
        what => {
            let target = target(request, &root)?;
            let installation = find().await?;
            let plan = apply.plan(&installation, &target).await?;
            if what == "plan" {
                return Ok(json!({"ok": plan}));
            }
            apply.apply(&installation, &target, &plan, &proof).await?
        }
    };
    Ok(json!({"ok": outcome, "exit": exit::of_apply(&outcome).number()}))
}

fn target(request: &Value, root: &Utf8Path) -> Result<ApplyTarget, Failed> {
    let pin: Pin = serde_json::from_value(request["pin"].clone()).unwrap();
    ApplyTarget::read(&pin, &root.join("pins"))
        .map_err(|error| Failed { text: error.to_string(), exit: 1 })
}
