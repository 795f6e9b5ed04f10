use super::*;

fn shell(script: &str) -> Program {
    Program {
        executable: "sh".into(),
        arguments: vec!["-c".to_owned(), script.to_owned()],
        directory: "/".into(),
        environment: Environment::of_this_process().inherited(),
        time_limit: Duration::from_secs(30),
        log: None,
        enclosure: None,
        limits: None,
    }
}

/// One for all tests, as there is one in codexpin: two would end each other's children.
static PROCESSES: std::sync::LazyLock<Processes> = std::sync::LazyLock::new(Processes::new);

/// What an adopted process without a name belongs to is known only of the one run that goes on.
static BESIDE_OTHERS: tokio::sync::RwLock<()> = tokio::sync::RwLock::const_new(());

async fn run(program: Program) -> ProcessOutput {
    let _shared = BESIDE_OTHERS.read().await;
    run_now(program).await
}

async fn run_now(program: Program) -> ProcessOutput {
    PROCESSES.run(&program, &CancellationToken::new()).await.unwrap()
}

fn is_running(pid: &str) -> bool {
    // A zombie has ended, only its number remains. (Its command line is empty, but
    // so is that of a process in the middle of an exec.)
    std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
        .is_ok_and(|stat| !stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')))
}

#[tokio::test]
async fn output_and_status_come_back() {
    let output = run(shell("echo out; echo err >&2; exit 3")).await;
    assert_eq!(output.ending, Ending::Exited(3));
    assert_eq!((output.stdout.text().as_str(), output.stderr.text().as_str()), ("out\n", "err\n"));
}

#[tokio::test]
async fn a_child_that_ignores_sigterm_is_killed_at_its_time_limit() {
    let limit = Duration::from_millis(300);
    let program =
        Program { time_limit: limit, ..shell("trap '' TERM; echo $$; while :; do sleep 1; done") };
    let output = run(program).await;
    assert_eq!(output.ending, Ending::TimedOut);
    assert!(output.elapsed >= GRACE, "it was given its grace");
    assert!(!is_running(&output.stdout.text()));
}

/// Says its number once it leads a session of its own.
const LEAVES_ITS_GROUP: &str = r#"setsid sleep 300 >/dev/null 2>&1 & left=$!
until [ "$(cut -d' ' -f6 /proc/$left/stat)" = $left ]; do :; done; echo $left"#;

#[tokio::test]
async fn a_grandchild_that_left_the_group_is_found_and_ended() {
    let output = run(shell(LEAVES_ITS_GROUP)).await;
    assert_eq!(output.ending, Ending::Exited(0));
    assert!(output.left_running >= 1);
    assert!(!is_running(&output.stdout.text()));
}

#[tokio::test]
async fn a_grandchild_with_an_emptied_environment_is_found_as_well() {
    let _alone = BESIDE_OTHERS.write().await;
    let script = "setsid env -i /bin/sleep 301 >/dev/null 2>&1 & sleep 0.2; echo $!";
    let output = run_now(shell(script)).await;
    assert!(output.left_running >= 1);
    assert!(!is_running(&output.stdout.text()));
}

#[tokio::test]
async fn cancelling_stops_the_child() {
    let stop = CancellationToken::new();
    stop.cancel();
    let _shared = BESIDE_OTHERS.read().await;
    let output = PROCESSES.run(&shell("sleep 300"), &stop).await.unwrap();
    assert_eq!(output.ending, Ending::Cancelled);
}

#[tokio::test]
async fn nothing_of_the_shell_reaches_a_child_but_the_allow_list() {
    let output = run(Program {
        environment: Environment::default().with("PATH", "/usr/bin:/bin").with("ONLY", "this"),
        ..shell("env")
    })
    .await;
    let text = output.stdout.text();
    let mut names: Vec<_> =
        text.lines().filter_map(|l| l.split_once('=')).map(|(n, _)| n).collect();
    names.sort_unstable();
    names.retain(|name| !["PWD", "SHLVL", "_", "OLDPWD"].contains(name));
    assert_eq!(names, ["CODEXPIN_RUN", "ONLY", "PATH"]);
}

#[tokio::test]
async fn the_whole_output_is_in_the_log_file() {
    let directory = tempfile::tempdir().unwrap();
    let log = Utf8PathBuf::from_path_buf(directory.path().join("agent")).unwrap();
    run(Program { log: Some(log.clone()), ..shell("echo one; echo two >&2") }).await;
    assert_eq!(fs_err::read_to_string(log.with_extension("stdout")).unwrap(), "one\n");
    assert_eq!(fs_err::read_to_string(log.with_extension("stderr")).unwrap(), "two\n");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let program = Program { executable: "no-such-program".into(), ..shell("") };
    let error = PROCESSES.run(&program, &CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "no-such-program was not found");
}

#[tokio::test]
async fn a_server_runs_beside_others_until_it_is_stopped() {
    let _shared = BESIDE_OTHERS.read().await;
    let limit = Duration::from_millis(1);
    let script = "trap 'echo going; exit 0' TERM; echo ready >&2; while :; do sleep 0.01; done";
    let mut server = PROCESSES.start(&Program { time_limit: limit, ..shell(script) }).unwrap();
    assert!(server.output_until(|_, stderr| stderr == "ready\n").await);
    assert_eq!(run_now(shell("exit 3")).await.ending, Ending::Exited(3));
    assert_eq!(server.exited(), None);
    assert_eq!(server.output_so_far().1.text(), "ready\n");
    let output = server.stop().await.unwrap();
    assert_eq!(output.ending, Ending::Cancelled);
    assert_eq!(output.stdout.text(), "going\n");
}

#[tokio::test]
async fn what_a_server_left_outlives_a_client_and_ends_with_the_server() {
    let _shared = BESIDE_OTHERS.read().await;
    let script = "sh -c 'setsid sleep 305 >/dev/null 2>&1 & echo $!'; exec sleep 306";
    let mut server = PROCESSES.start(&shell(script)).unwrap();
    assert!(server.output_until(|stdout, _| stdout.ends_with('\n')).await);
    let adopted = server.output_so_far().0.text();
    assert_eq!(run_now(shell("true")).await.left_running, 0);
    assert!(is_running(&adopted));
    assert_eq!(server.stop().await.unwrap().left_running, 1);
    assert!(!is_running(&adopted));
}

#[tokio::test]
async fn what_ends_by_itself_once_its_server_was_stopped_is_not_left_running() {
    let _shared = BESIDE_OTHERS.read().await;
    // The reader notices the end of its input, and takes its time.
    let script = "exec 3> >(setsid sh -c 'echo ready; cat >/dev/null; sleep 0.3'); exec sleep 310";
    let mut program = shell("");
    program.executable = "bash".into();
    program.arguments = vec!["-c".to_owned(), script.to_owned()];
    let mut server = PROCESSES.start(&program).unwrap();
    assert!(server.output_until(|stdout, _| stdout.contains("ready")).await);
    assert_eq!(server.stop().await.unwrap().left_running, 0);
}

#[tokio::test]
async fn what_a_server_left_without_a_name_is_not_a_clients_either() {
    let _alone = BESIDE_OTHERS.write().await;
    let script =
        "sh -c 'setsid env -i /bin/sh -c \"echo \\$\\$; exec sleep 307\" &'; exec sleep 308";
    let mut server = PROCESSES.start(&shell(script)).unwrap();
    assert!(server.output_until(|stdout, _| stdout.ends_with('\n')).await);
    let adopted = server.output_so_far().0.text();
    assert_eq!(run_now(shell("true")).await.left_running, 0);
    assert!(is_running(&adopted));
    assert_eq!(server.stop().await.unwrap().left_running, 1);
    assert!(!is_running(&adopted));
}

#[tokio::test]
async fn a_server_that_is_dropped_ends_with_what_it_started() {
    let _shared = BESIDE_OTHERS.read().await;
    let script = "setsid sleep 309 >/dev/null 2>&1 & echo $!; exec sleep 310";
    let mut server = PROCESSES.start(&shell(script)).unwrap();
    assert!(server.output_until(|stdout, _| stdout.ends_with('\n')).await);
    let (leader, left) = (server.id().to_string(), server.output_so_far().0.text());
    assert!(is_running(&leader) && is_running(&left));
    drop(server);
    assert!(!is_running(&leader) && !is_running(&left));
}

#[tokio::test]
async fn a_server_that_ends_by_itself_is_noticed() {
    let _shared = BESIDE_OTHERS.read().await;
    let mut server = PROCESSES.start(&shell("echo no port; exit 7")).unwrap();
    assert!(!server.output_until(|stdout, _| stdout.contains("ready")).await);
    assert_eq!(
        (server.exited(), server.ended().await),
        (Some(Ending::Exited(7)), Ending::Exited(7))
    );
    let output = server.stop().await.unwrap();
    assert_eq!((output.ending, output.stdout.text().as_str()), (Ending::Exited(7), "no port\n"));
}

#[tokio::test]
async fn a_zombie_that_was_adopted_is_not_counted_as_left_running() {
    let _alone = BESIDE_OTHERS.write().await;
    let script = "p=$(sh -c 'sleep 0.05 >/dev/null & echo $!'); \
                  until grep -q '^State:.Z' /proc/$p/status; do :; done";
    let output = run_now(shell(script)).await;
    assert_eq!((output.ending, output.left_running), (Ending::Exited(0), 0));
}

#[test]
fn a_command_line_can_be_pasted_into_a_shell() {
    let program =
        Program { arguments: vec!["--message".into(), "Reply exactly: it's".into()], ..shell("") };
    assert_eq!(program.command_line(), r"sh --message 'Reply exactly: it'\''s'");
}

#[tokio::test]
async fn a_program_that_takes_more_than_it_may_is_ended_at_once_and_by_name_of_the_limit() {
    let guard = tempfile::tempdir().unwrap();
    let place = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
    let limits = Limits { processes: 20, disk: 4 << 20, places: vec![place.clone()] };
    let deep = format!("mkdir -p {}", "d/".repeat(300));
    for (script, limit) in [
        // Each in a session of its own, and deaf to SIGTERM.
        (
            "trap '' TERM; for n in $(seq 60); do setsid sleep 300 & echo $!; done; wait",
            Limit::Processes(20),
        ),
        ("head -c 9000000 /dev/zero > large; sleep 300", Limit::Disk(4 << 20)),
        (&format!("rm large; {deep}; sleep 300"), Limit::Depth(256)),
    ] {
        let limits = Some(limits.clone());
        let program = Program { limits, directory: place.clone(), ..shell(script) };
        let output = run(program).await;
        assert_eq!(output.ending, Ending::Limited(limit), "{}", output.stderr.text());
        let running: Vec<_> =
            output.stdout.text().lines().filter(|pid| is_running(pid)).map(str::to_owned).collect();
        assert_eq!(running, [""; 0], "{script}");
        assert!(output.elapsed < Duration::from_secs(20), "{:?}", output.elapsed);
    }
    let modest = Program { limits: Some(limits), directory: "/".into(), ..shell("sleep 0.6") };
    crate::fs::remove(&place.join("d")).unwrap();
    assert_eq!(run(modest).await.ending, Ending::Exited(0));
}

#[test]
#[cfg(target_os = "linux")]
fn what_this_process_holds_in_memory_gets_into_no_core_dump() {
    keep_memory_private();
    assert!(!nix::sys::prctl::get_dumpable().unwrap());
    let limit = rustix::process::getrlimit(rustix::process::Resource::Core);
    assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
}
