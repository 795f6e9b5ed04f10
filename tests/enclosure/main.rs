//! Enclosures as the kernel of this machine makes them, with the built
//! `codexpin` as holder and to start programs inside.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod attempts;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use codexpin::env::Environment;
use codexpin::explain::Explain as _;
use codexpin::process::enclosure::{Enclosure, EnclosureError, MountPlan};
use codexpin::process::{Ending, ProcessError, ProcessOutput, Processes, Program};
use tokio::io::AsyncWriteExt as _;
use tokio_util::sync::CancellationToken;

/// One for all tests, as there is one in codexpin: two would end each other's children.
static PROCESSES: std::sync::LazyLock<Processes> = std::sync::LazyLock::new(Processes::new);

/// Where a copy of this test, run as another user, finds a copy of codexpin.
const SHIM: &str = "CODEXPIN_TEST_SHIM";

fn shim() -> Utf8PathBuf {
    std::env::var(SHIM).unwrap_or_else(|_| env!("CARGO_BIN_EXE_codexpin").to_owned()).into()
}

fn this_test() -> Utf8PathBuf {
    Utf8PathBuf::from_path_buf(std::env::current_exe().unwrap()).unwrap()
}

async fn open() -> Enclosure {
    Enclosure::open(&PROCESSES, &shim(), None).await.unwrap()
}

fn outside(executable: &str, arguments: &[&str]) -> Program {
    Program {
        executable: executable.into(),
        arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
        directory: "/".into(),
        environment: Environment::of_this_process().inherited(),
        time_limit: Duration::from_secs(30),
        log: None,
        enclosure: None,
        limits: None,
    }
}

fn inside(enclosure: &Enclosure, script: &str) -> Program {
    Program { enclosure: Some(enclosure.handle()), ..outside("bash", &["-c", script]) }
}

/// One of the tests below that are run by others only.
fn role(enclosure: &Enclosure, name: &str) -> Program {
    let words = ["--ignored", "--exact", "--nocapture", name];
    Program { enclosure: Some(enclosure.handle()), ..outside(this_test().as_str(), &words) }
}

async fn run(program: &Program) -> ProcessOutput {
    PROCESSES.run(program, &CancellationToken::new()).await.unwrap()
}

#[tokio::test]
async fn a_program_inside_reaches_what_codexpin_serves_there() {
    let mut enclosure = open().await;
    let listener = enclosure.listener().unwrap();
    assert!(enclosure.listener().is_none());
    let port = listener.local_addr().unwrap().port();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"from outside").await.unwrap();
    });
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port} && cat <&3");
    let finished = run(&inside(&enclosure, &script)).await;
    assert_eq!(finished.stdout.text(), "from outside", "{}", finished.stderr.text());
    served.await.unwrap();
}

#[tokio::test]
async fn what_listens_outside_is_not_there_inside() {
    let enclosure = open().await;
    let there = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = there.local_addr().unwrap().port();
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port}");
    assert_eq!(run(&outside("bash", &["-c", &script])).await.ending, Ending::Exited(0));
    let finished = run(&inside(&enclosure, &script)).await;
    assert!(finished.stderr.text().contains("Connection refused"), "{finished:?}");
}

#[tokio::test]
async fn nothing_but_the_loopback_is_there_inside() {
    let enclosure = open().await;
    let name = format!("codexpin-test-{}", std::process::id());
    let _there = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    UnixStream::connect_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let mut program = role(&enclosure, "looks_around");
    program.environment = program.environment.with("ABSTRACT", &name);
    let text = run(&program).await.stdout.text();
    assert!(text.contains("192.0.2.1: NetworkUnreachable"), "{text}");
    assert!(text.contains("2001:db8::1: NetworkUnreachable"), "{text}");
    assert!(text.contains("abstract: ConnectionRefused"), "{text}");
}

#[test]
#[ignore = "run inside by another test"]
fn looks_around() {
    for (name, address) in [("192.0.2.1", "192.0.2.1:80"), ("2001:db8::1", "[2001:db8::1]:80")] {
        println!("{name}: {:?}", TcpStream::connect(address).unwrap_err().kind());
    }
    let name = SocketAddr::from_abstract_name(std::env::var("ABSTRACT").unwrap()).unwrap();
    println!("abstract: {:?}", UnixStream::connect_addr(&name).unwrap_err().kind());
}

#[tokio::test]
async fn a_server_and_its_client_reach_each_other_inside_and_only_there() {
    let enclosure = open().await;
    let another = open().await;
    let mut server = PROCESSES.start(&role(&enclosure, "serves")).unwrap();
    assert!(server.output_until(|stdout, _| stdout.contains("listening")).await);
    let script = "exec 3<>/dev/tcp/127.0.0.1/18789 && cat <&3";
    let finished = run(&inside(&another, script)).await;
    assert!(finished.stderr.text().contains("Connection refused"), "{finished:?}");
    let finished = run(&inside(&enclosure, script)).await;
    assert_eq!(finished.stdout.text(), "from the server", "{}", finished.stderr.text());
    assert_eq!(server.stop().await.unwrap().ending, Ending::Cancelled);
}

#[test]
#[ignore = "run inside by another test"]
fn serves() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 18789)).unwrap();
    println!("listening");
    for stream in listener.incoming() {
        stream.unwrap().write_all(b"from the server").unwrap();
    }
}

#[tokio::test]
async fn the_user_inside_is_the_user_outside() {
    let enclosure = open().await;
    let script = "id -u; id -g; stat -c %u:%g /proc/self/stat";
    let there = run(&outside("bash", &["-c", script])).await.stdout.text();
    assert_eq!(run(&inside(&enclosure, script)).await.stdout.text(), there);
}

#[tokio::test]
async fn status_signal_output_and_stdin_are_as_outside() {
    let (_guard, root) = in_tmp();
    for enclosure in [open().await, open_with_mounts(&root, &[]).await] {
        are_as_outside(&enclosure).await;
    }
}

async fn are_as_outside(enclosure: &Enclosure) {
    let finished = run(&inside(enclosure, "echo out; echo err >&2; exit 42")).await;
    assert_eq!(finished.ending, Ending::Exited(42));
    let output = (finished.stdout.text(), finished.stderr.text());
    assert_eq!(output, ("out\n".to_owned(), "err\n".to_owned()));
    for (signal, number) in [("KILL", 9), ("TERM", 15), ("ABRT", 6)] {
        let finished = run(&inside(enclosure, &format!("kill -{signal} $$"))).await;
        assert_eq!(finished.ending, Ending::Signalled(number));
    }

    let open_files = "readlink /proc/self/fd/0; echo /proc/$$/fd/*";
    let here = run(&inside(enclosure, open_files)).await.stdout.text();
    assert!(here.starts_with("/dev/null\n"), "{here}");
    // The three that every program has, and the directory that is read.
    assert_eq!(here.split_whitespace().count(), 1 + 4, "{here}");
    let names = "env | grep -vE '^(_|SHLVL|PWD|OLDPWD)=' | cut -d= -f1 | sort";
    let there = run(&outside("bash", &["-c", names])).await.stdout.text();
    assert_eq!(run(&inside(enclosure, names)).await.stdout.text(), there);
}

#[tokio::test]
async fn a_time_limit_and_what_is_left_running_count_inside_as_well() {
    let enclosure = open().await;
    let script = "setsid sleep 302 >/dev/null 2>&1 & echo $!; exec sleep 303";
    let program = Program { time_limit: Duration::from_secs(1), ..inside(&enclosure, script) };
    let finished = run(&program).await;
    assert_eq!(finished.ending, Ending::TimedOut);
    assert_eq!(finished.left_running, 1);
    assert!(!is_running(finished.stdout.text().trim()));
}

#[tokio::test]
async fn a_program_inside_that_ends_when_it_is_asked_to_has_the_time_for_it() {
    let (_guard, root) = in_tmp();
    let enclosure = open_with_mounts(&root, &[]).await;
    let script = "trap 'sleep 0.3; echo goodbye; exit 0' TERM; echo ready; sleep 30 & wait";
    let mut running = PROCESSES.start(&inside(&enclosure, script)).unwrap();
    assert!(running.output_until(|stdout, _| stdout.contains("ready")).await);
    assert_eq!(running.stop().await.unwrap().stdout.text(), "ready\ngoodbye\n");
}

#[tokio::test]
async fn programs_inside_find_each_other_alone_and_none_outlives_their_enclosure() {
    let (_guard, root) = in_tmp();
    let enclosure = open_with_mounts(&root, &[]).await;
    // In a session of its own, without the run's name, abandoned.
    let time = format!("30{}", std::process::id());
    let script = format!("(env -i setsid sleep {time} >/dev/null 2>&1 &); echo /proc/[0-9]*");
    let finished = run(&inside(&enclosure, &script)).await;
    let there = finished.stdout.text();
    assert!(there.starts_with("/proc/1 ") && there.split(' ').count() <= 5, "{there}");
    assert!(!there.contains(&format!("/proc/{} ", std::process::id())), "{there}");
    enclosure.close().await.unwrap();
    let sleeps = || {
        let all = fs_err::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
        let said = all.filter_map(|path| std::fs::read(path.join("cmdline")).ok());
        said.into_iter().any(|words| words == format!("sleep\0{time}\0").as_bytes())
    };
    for _ in 0..500 {
        if !sleeps() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("what was left inside still runs");
}

#[tokio::test]
async fn a_program_inside_leads_its_group_and_its_session_by_numbers_that_it_finds() {
    let (_guard, root) = in_tmp();
    let enclosure = open_with_mounts(&root, &[]).await;
    // Process, parent, group, session: see proc_pid_stat(5).
    let script = "set -- $(cat /proc/$$/stat); echo $(($1 == $$)) $(($5 == $$)) $(($6 == $$))";
    assert_eq!(run(&inside(&enclosure, script)).await.stdout.text(), "1 1 1\n");
}

#[tokio::test]
async fn processes_are_the_enclosures_own_and_may_be_written_to_only_where_all_may() {
    let script = "ls -d /proc/[0-9]* | wc -l; echo x > /proc/self/comm && echo written";
    for (write, written) in [(vec![], false), (vec![Utf8PathBuf::from("/")], true)] {
        let (_guard, root) = in_tmp();
        let enclosure = open_with_mounts(&root, &write).await;
        let text = run(&inside(&enclosure, script)).await.stdout.text();
        let processes: usize = text.lines().next().unwrap().parse().unwrap();
        assert!(processes <= 5, "{text}");
        assert_eq!(text.contains("written"), written, "{write:?} {text}");
    }
}

#[tokio::test]
async fn a_program_that_cannot_be_started_inside_is_an_error_and_no_exit_status() {
    let directory = tempfile::tempdir().unwrap();
    let script = Utf8Path::from_path(directory.path()).unwrap().join("script");
    fs_err::write(&script, "#!/no/such/interpreter\n").unwrap();
    fs_err::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (_guard, root) = in_tmp();
    let visible = [script.clone()];
    for enclosure in [open().await, open_with_mounts(&root, &visible).await] {
        let program = Program { executable: script.clone(), ..inside(&enclosure, "") };
        let error = PROCESSES.start(&program).unwrap_err();
        assert_eq!(error.to_string(), format!("{script} was not found"));
    }
}

#[tokio::test]
async fn nobody_enters_an_enclosure_that_is_closed() {
    let enclosure = open().await;
    let program = inside(&enclosure, "true");
    run(&program).await;
    let closed = enclosure.close().await.unwrap();
    assert_eq!(closed.left_running, 0);
    let error = PROCESSES.start(&program).unwrap_err();
    assert!(matches!(error, ProcessError::Start { .. }), "{error}");
    let expected = "cannot start bash: cannot enter the enclosure: ";
    assert!(error.to_string().starts_with(expected), "{error}");
}

#[tokio::test]
async fn a_kernel_that_refuses_is_told_with_the_setting_that_makes_it_refuse() {
    // A user namespace has limits of its own, which its root may write.
    let script = "echo 0 > /proc/sys/user/max_net_namespaces && exec \"$@\"";
    let this = this_test();
    let words = ["-Ur", "sh", "-c", script, "sh", this.as_str()];
    let role = ["--ignored", "--exact", "--nocapture", "says_why_not"];
    let mut program = outside("unshare", &[&words[..], &role[..]].concat());
    program.environment = program.environment.with(SHIM, shim());
    let finished = run(&program).await;
    let text = finished.stdout.text();
    let expected = "cannot make a user and a network namespace: No space left on device \
                    (os error 28) (user.max_net_namespaces=0)";
    assert!(text.contains(expected), "{text}{}", finished.stderr.text());
    assert!(text.contains("hint: an administrator can change it"), "{text}");
}

#[tokio::test]
#[ignore = "run by another test"]
async fn says_why_not() {
    let error = Enclosure::open(&PROCESSES, &shim(), None).await.unwrap_err();
    assert!(matches!(error, EnclosureError::Refused { .. }));
    println!("{error}\nhint: {}", error.hint().unwrap());
}

/// A directory of a test's own in /tmp, whatever TMPDIR says.
fn in_tmp() -> (tempfile::TempDir, Utf8PathBuf) {
    let directory = tempfile::Builder::new().prefix("codexpin-mounts-").tempdir_in("/tmp").unwrap();
    let path = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
    (directory, path)
}

async fn open_with_mounts(root: &Utf8Path, write: &[Utf8PathBuf]) -> Enclosure {
    open_hiding(root, &[], write).await
}

async fn open_hiding(root: &Utf8Path, hide: &[Utf8PathBuf], write: &[Utf8PathBuf]) -> Enclosure {
    let tmp = root.join("private");
    fs_err::create_dir_all(&tmp).unwrap();
    let (hide, write) = (hide.to_owned(), write.to_owned());
    let mounts = MountPlan { tmp, hide, write, ..MountPlan::default() };
    Enclosure::open(&PROCESSES, &shim(), Some(mounts)).await.unwrap()
}

#[tokio::test]
async fn temporary_files_of_programs_inside_are_not_among_those_of_the_machine() {
    let (_guard, root) = in_tmp();
    let enclosure = open_with_mounts(&root, &[]).await;
    assert!(enclosure.shared_tmp().is_none(), "{:?}", enclosure.shared_tmp());
    let name = root.file_name().unwrap();
    let script = format!(
        "ls -A /tmp /var/tmp; echo t > /tmp/{name}-file && echo v > /var/tmp/{name}-file; pwd"
    );
    let finished = run(&inside(&enclosure, &script)).await;
    assert!(finished.ending.success(), "{finished:?}");
    assert_eq!(finished.stdout.text(), "/tmp:\n\n/var/tmp:\n/\n");
    for shared in ["/tmp", "/var/tmp"] {
        assert!(!Utf8Path::new(shared).join(format!("{name}-file")).exists());
    }
    // Another program of the same enclosure finds them.
    let finished = run(&inside(&enclosure, &format!("cat /tmp/{name}-file"))).await;
    assert_eq!(finished.stdout.text(), "t\n");
    enclosure.close().await.unwrap();
    let own = fs_err::read_dir(root.join("private")).unwrap();
    let kept = own.filter_map(|own| {
        fs_err::read_to_string(own.unwrap().path().join(format!("{name}-file"))).ok()
    });
    let mut kept: Vec<_> = kept.collect();
    kept.sort();
    assert_eq!(kept, ["t\n", "v\n"]);
}

#[tokio::test]
async fn what_is_kept_is_where_it_was_and_can_be_written_to() {
    let (_guard, root) = in_tmp();
    let (kept, file, hidden) = (root.join("a/kept"), root.join("b/file"), root.join("hidden"));
    for directory in [&kept, &hidden, &root.join("b")] {
        fs_err::create_dir_all(directory).unwrap();
    }
    fs_err::write(&file, "before").unwrap();
    let enclosure = open_with_mounts(&root, &[kept.clone(), file.clone()]).await;
    let listener = std::os::unix::net::UnixListener::bind(kept.join("socket")).unwrap();
    let served = std::thread::spawn(move || {
        listener.accept().unwrap().0.write_all(b"through the socket").unwrap();
    });
    let mut program = inside(
        &enclosure,
        "pwd; cat \"$FILE\"; echo; ls \"$ROOT\"; echo new > new; echo after > \"$FILE\"",
    );
    program.directory = kept.clone();
    program.environment =
        program.environment.with("FILE", file.as_str()).with("ROOT", root.as_str());
    let finished = run(&program).await;
    assert_eq!(finished.stdout.text(), format!("{kept}\nbefore\na\nb\n"), "{finished:?}");
    assert_eq!(fs_err::read_to_string(kept.join("new")).unwrap(), "new\n");
    assert_eq!(fs_err::read_to_string(&file).unwrap(), "after\n");
    let keep = [kept.clone(), this_test()];
    let enclosure = open_with_mounts(&root, &keep).await;
    let mut program = role(&enclosure, "asks_a_socket");
    program.environment = program.environment.with("SOCKET", kept.join("socket"));
    let finished = run(&program).await;
    assert!(finished.stdout.text().contains("through the socket"), "{finished:?}");
    served.join().unwrap();
}

#[tokio::test]
async fn what_is_hidden_is_empty_but_for_what_is_kept_and_as_it_was_outside() {
    let (_guard, root) = in_tmp();
    let home = &root.join("home");
    fs_err::create_dir_all(home.join("kept/logins")).unwrap();
    fs_err::write(home.join("secret"), "made-up").unwrap();
    fs_err::write(home.join("kept/logins/secret"), "made-up").unwrap();
    fs_err::write(home.join("kept/file"), "kept").unwrap();
    let hide = [home.to_owned(), home.join("kept/logins")];
    let enclosure = open_hiding(&root, &hide, &[root.clone(), home.join("kept")]).await;
    assert!(enclosure.shared_tmp().is_none(), "{:?}", enclosure.shared_tmp());
    let script = "cd \"$HERE\"; find . | sort; cat kept/file; echo x > mine";
    let mut program = inside(&enclosure, script);
    program.environment = program.environment.with("HERE", home.as_str());
    let finished = run(&program).await;
    assert_eq!(finished.stdout.text(), ".\n./kept\n./kept/file\n./kept/logins\nkept");
    assert!(home.join("secret").exists() && !home.join("mine").exists());
}

#[test]
#[ignore = "run inside by another test"]
fn asks_a_socket() {
    let mut text = String::new();
    let mut stream = UnixStream::connect(std::env::var("SOCKET").unwrap()).unwrap();
    stream.read_to_string(&mut text).unwrap();
    println!("{text}");
}

#[tokio::test]
async fn where_mounts_are_refused_the_network_is_cut_off_all_the_same() {
    let script = "echo 0 > /proc/sys/user/max_mnt_namespaces && exec \"$@\"";
    let this = this_test();
    let words = ["-Ur", "sh", "-c", script, "sh", this.as_str()];
    let role = ["--ignored", "--exact", "--nocapture", "does_without_mounts"];
    let mut program = outside("unshare", &[&words[..], &role[..]].concat());
    program.environment = program.environment.with(SHIM, shim());
    let finished = run(&program).await;
    let text = finished.stdout.text();
    let expected = "cannot make a file system of its own: No space left on device \
                    (os error 28) (user.max_mnt_namespaces=0)";
    assert!(text.contains(expected), "{text}{}", finished.stderr.text());
    assert!(text.contains("inside: lo:"), "{text}{}", finished.stderr.text());
}

#[tokio::test]
#[ignore = "run by another test"]
async fn does_without_mounts() {
    let (_guard, root) = in_tmp();
    let enclosure = open_with_mounts(&root, &[]).await;
    println!("{}", enclosure.shared_tmp().unwrap());
    let script = "tail -n +3 /proc/self/net/dev | tr -d ' ' | cut -d: -f1";
    println!("inside: {}:", run(&inside(&enclosure, script)).await.stdout.text().trim());
}

/// Everything above, where this user is root.
#[tokio::test]
async fn an_ordinary_user_has_all_of_it_as_well() {
    const THIS: &str = "an_ordinary_user_has_all_of_it_as_well";
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let for_all = std::fs::Permissions::from_mode(0o755);
    fs_err::set_permissions(directory.path(), for_all).unwrap();
    let copy = |from: &Utf8Path, name: &str| {
        let to = Utf8PathBuf::from_path_buf(directory.path().join(name)).unwrap();
        fs_err::copy(from, &to).unwrap();
        to
    };
    let (shim, this) = (copy(&shim(), "codexpin"), copy(&this_test(), "enclosure"));
    let user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let words = [&user[..], &[this.as_str(), "--skip", THIS]].concat();
    let mut program = outside("setpriv", &words);
    program.environment = program.environment.with(SHIM, shim);
    let finished = run(&program).await;
    let text = finished.stdout.text();
    assert!(finished.ending.success() && text.contains("result: ok. 19 passed"), "{text}");
}

fn is_running(pid: &str) -> bool {
    let mut line = Vec::new();
    let file = fs_err::File::open(format!("/proc/{pid}/cmdline"));
    // A zombie has no command line: it has ended, only its number remains.
    file.is_ok_and(|mut file| file.read_to_end(&mut line).is_ok_and(|n| n > 0))
}
