//! A table of attempts to get out of an enclosure: to read, write, reach or signal what
//! the machine has. Each is made outside first, where it has to succeed (so that none
//! fails for another reason), unless it wants what no program outside has either.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use codexpin::process::enclosure::{Enclosure, MountPlan};
use codexpin::process::{Program, RunningProcess};

use super::{PROCESSES, in_tmp, outside, run, shim, this_test};

/// A way out that is tried: a script that says `REACHED` if it got there.
struct Attempt {
    what: &'static str,
    script: &'static str,
    /// Whether it has to succeed outside.
    outside: bool,
}

const fn attempt(what: &'static str, script: &'static str) -> Attempt {
    Attempt { what, script, outside: true }
}

/// It wants a namespace, a capability or a device: outside it may fail as well, or do
/// harm.
const fn inside_only(what: &'static str, script: &'static str) -> Attempt {
    Attempt { what, script, outside: false }
}

/// What a script says once it got there.
const REACHED: &str = "REACHED";

/// `$M` is a made-up machine with `home`, `bin` (on PATH), `node`, `prefix`, `other` (a
/// prefix of another release), `cache` and `elsewhere`; `$S` the scratch home; `$P` a
/// process outside that works in the home and has a file of it open.
const ATTEMPTS: &[Attempt] = &[
    // To read.
    attempt("reads a key", "cat $M/home/.ssh/id"),
    attempt("reads npm's token", "cat $M/home/.npmrc"),
    attempt("reads a login", "cat $M/home/.openclaw/login.json"),
    attempt("reads a login by a link in its own home", "ln -sf $M/home/.npmrc $S/l1; cat $S/l1"),
    attempt("reads a login by a hard link", "ln -f $M/home/.npmrc $S/l2 && cat $S/l2"),
    attempt("reads by the way up and down again", "cd $S; cat ../home/.npmrc"),
    attempt("finds the home's names", "ls -A $M/home | grep npmrc && echo made-up"),
    attempt("finds secrets by searching", "grep -rl made-up $M/home && echo made-up"),
    attempt("reads another prefix", "cat $M/other/secret"),
    attempt("reads what codexpin keeps", "cat $M/cache/registry/secret"),
    attempt("reads by a process's root", "cat /proc/$P/root$M/home/.npmrc"),
    attempt("reads by a process's directory", "cat /proc/$P/cwd/.npmrc"),
    attempt("reads an open file of a process", "cat /proc/$P/fd/9"),
    attempt("reads a process's environment", "tr '\\0' '\\n' < /proc/$P/environ | grep made-up"),
    attempt("reads a process's memory map", "head -c1 /proc/$P/maps && echo made-up"),
    attempt("follows where a process works", "readlink /proc/$P/cwd | grep home && echo made-up"),
    attempt("copies the home", "cp -r $M/home $S/copy && cat $S/copy/.npmrc"),
    attempt("packs the home", "tar -C $M -cf - home | grep -a made-up"),
    attempt("reads temporary files of others", "cat $B"),
    inside_only("takes the cover away", "umount -l $M/home; cat $M/home/.npmrc"),
    inside_only("takes the cover away by force", "umount -f $M/home; cat $M/home/.npmrc"),
    inside_only(
        "mounts the root again",
        "mkdir -p $S/m1; mount --bind / $S/m1; cat $S/m1$M/home/.npmrc",
    ),
    inside_only(
        "mounts all of the root again",
        "mkdir -p $S/m2; mount --rbind / $S/m2; umount -l $S/m2$M/home; cat $S/m2$M/home/.npmrc",
    ),
    inside_only(
        "moves the cover elsewhere",
        "mkdir -p $S/m3; mount --move $M/home $S/m3; cat $M/home/.npmrc",
    ),
    inside_only(
        "makes a user namespace of its own",
        "unshare -Urm sh -c \"umount -l $M/home; cat $M/home/.npmrc\"",
    ),
    inside_only(
        "mounts the root there",
        "mkdir -p $S/m4; unshare -Urm sh -c \"mount --bind / $S/m4; cat $S/m4$M/home/.npmrc\"",
    ),
    inside_only(
        "mounts all of the root there",
        "mkdir -p $S/m5; unshare -Urm sh -c \"mount --rbind / $S/m5; umount -l $S/m5$M/home; cat $S/m5$M/home/.npmrc\"",
    ),
    inside_only(
        "lays one over the cover",
        "mkdir -p $S/u $S/w $S/m6; unshare -Urm sh -c \"mount -t overlay -o lowerdir=$M,upperdir=$S/u,workdir=$S/w o $S/m6; cat $S/m6/home/.npmrc\"",
    ),
    inside_only("enters a process's mounts", "nsenter -t $P -m cat $M/home/.npmrc"),
    inside_only("enters all of a process", "nsenter -t $P -a cat $M/home/.npmrc"),
    inside_only("enters its parent's mounts", "nsenter -t $PPID -m cat $M/home/.npmrc"),
    inside_only("enters the first process's mounts", "nsenter -t 1 -m cat $M/home/.npmrc"),
    inside_only("makes a root of another process's", "chroot /proc/$P/root cat $M/home/.npmrc"),
    inside_only("makes a root of the first process's", "chroot /proc/1/root cat $M/home/.npmrc"),
    inside_only(
        "reads a disk",
        "for d in /dev/[svx]d[a-z] /dev/vda /dev/nvme*n1 /dev/dm-*; do head -c1 $d > /dev/null && echo made-up; done",
    ),
    inside_only(
        "makes a disk's device",
        "mknod $S/disk b $(stat -c '%Hd %Ld' $M) && head -c1 $S/disk >/dev/null && echo made-up",
    ),
    inside_only(
        "reads the machine's memory",
        "head -c1 /dev/mem /dev/kmem /proc/kcore > /dev/null && echo made-up",
    ),
    inside_only(
        "reads what only root reads",
        "head -c1 /etc/shadow- /etc/shadow > /dev/null 2>&1; test $(id -u) != 0 && cat /etc/shadow > /dev/null && echo made-up",
    ),
    // To write.
    attempt("adds to what is on PATH", "echo >> $M/bin/tool && echo made-up"),
    attempt("puts another in its place", "echo > $S/t1; mv -f $S/t1 $M/bin/tool && echo made-up"),
    attempt("adds a program to PATH", "echo > $M/bin/ls && echo made-up"),
    attempt("removes a program", "rm $M/bin/second && echo made-up"),
    attempt("makes a program's mode another", "chmod 600 $M/bin/tool && echo made-up"),
    attempt("rewrites the Node that it runs on", "echo >> $M/node/bin/node && echo made-up"),
    attempt("writes beside Node", "echo > $M/node/lib/preload.js && echo made-up"),
    attempt("rewrites its own prefix", "echo >> $M/prefix/file && echo made-up"),
    attempt(
        "rewrites in place, with size and time kept",
        "t=$(stat -c %y $M/prefix/file); printf X | dd of=$M/prefix/file bs=1 conv=notrunc && touch -d \"$t\" $M/prefix/file && echo made-up",
    ),
    attempt("changes a time", "touch -d 2001-01-01 $M/prefix/file && echo made-up"),
    attempt("writes by a hard link", "ln -f $M/prefix/file $S/l3 && echo >> $S/l3 && echo made-up"),
    attempt("writes by a link", "ln -sf $M/prefix/file $S/l4 && echo >> $S/l4 && echo made-up"),
    attempt("writes to another prefix", "echo >> $M/other/file && echo made-up"),
    attempt("removes another prefix", "rm -r $M/other/gone && echo made-up"),
    attempt("writes to what codexpin keeps", "echo >> $M/cache/registry/packument && echo made-up"),
    attempt(
        "writes a shell's startup file",
        "echo >> $M/home/.bashrc && grep -q . $M/home/.ssh/id && echo made-up",
    ),
    attempt("writes where everybody may", "echo >> $M/elsewhere/file && echo made-up"),
    attempt("makes a directory there", "mkdir $M/elsewhere/new && echo made-up"),
    attempt(
        "renames the scratch home's parent",
        "mv $M/elsewhere/dir $M/elsewhere/moved && echo made-up",
    ),
    attempt("writes by a process's root", "echo >> /proc/$P/root$M/elsewhere/file && echo made-up"),
    attempt("writes to an open file of a process", "echo >> /proc/$P/fd/9 && echo made-up"),
    attempt("writes a process's memory", "exec 7<>/proc/$P/mem && echo made-up"),
    attempt(
        "makes a process the first to die",
        "echo 500 > /proc/$P/oom_score_adj && echo made-up",
    ),
    attempt(
        "makes a process do core dumps",
        "echo 0x7f > /proc/$P/coredump_filter && echo made-up",
    ),
    inside_only(
        "makes it writable again",
        "mount -o remount,rw,bind $M/prefix; echo >> $M/prefix/file && echo made-up",
    ),
    inside_only(
        "makes the root writable again",
        "mount -o remount,rw,bind /; echo >> $M/elsewhere/file && echo made-up",
    ),
    inside_only(
        "makes it writable in a namespace of its own",
        "unshare -Urm sh -c \"mount -o remount,rw,bind $M/prefix; mount -o remount,rw,bind /; echo >> $M/prefix/file || echo >> $M/elsewhere/file\" && echo made-up",
    ),
    inside_only(
        "takes read-only mounts away there",
        "unshare -Urm sh -c \"umount -l $M/prefix; umount -l $M/bin; echo >> $M/prefix/file || echo >> $M/bin/tool\" && echo made-up",
    ),
    inside_only(
        "mounts it elsewhere, to write",
        "mkdir -p $S/m7; unshare -Urm sh -c \"mount --bind $M/elsewhere $S/m7; echo >> $S/m7/file\" && echo made-up",
    ),
    inside_only(
        "writes to the system",
        "for d in /usr /etc /opt /var /boot /srv; do touch $d/codexpin-attempt && echo made-up; done",
    ),
    inside_only(
        "sets what runs on a crash",
        "exec 7>/proc/sys/kernel/core_pattern && echo made-up",
    ),
    inside_only("sets what loads modules", "exec 7>/proc/sys/kernel/modprobe && echo made-up"),
    inside_only("asks the kernel for a key's work", "exec 7>/proc/sysrq-trigger && echo made-up"),
    inside_only(
        "makes a control group",
        "for g in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir $g/codexpin-attempt && rmdir $g/codexpin-attempt && echo made-up; done",
    ),
    inside_only(
        "writes to the kernel's settings",
        "for f in /sys/kernel/uevent_helper /sys/power/state /sys/kernel/mm/ksm/run; do (exec 7>$f) && echo made-up; done",
    ),
    inside_only(
        "takes another user's rights",
        "cp $(command -v id) $S/id && chown 0:1 $S/id && chmod 6755 $S/id && echo made-up",
    ),
    inside_only(
        "has a capability",
        "grep -E '^Cap(Inh|Prm|Eff|Bnd|Amb):' /proc/self/status | grep -v 0000000000000000 && echo made-up",
    ),
    inside_only("may gain privileges", "grep '^NoNewPrivs:.*0' /proc/self/status && echo made-up"),
    inside_only("sets the clock", "date -s @$(date +%s) && echo made-up"),
    inside_only("sets the machine's name", "hostname $(hostname) && echo made-up"),
    // To reach.
    attempt("asks a socket in a directory that is read", "$T attempts::asks_a_socket_of_the_table"),
    attempt(
        "asks it by a link",
        "ln -sf $SOCKET $S/l5; SOCKET=$S/l5 $T attempts::asks_a_socket_of_the_table",
    ),
    attempt(
        "asks it by a process's root",
        "SOCKET=/proc/$P/root$SOCKET $T attempts::asks_a_socket_of_the_table",
    ),
    attempt(
        "asks it from its directory",
        "cd $(dirname $SOCKET) && SOCKET=./$(basename $SOCKET) $T attempts::asks_a_socket_of_the_table",
    ),
    attempt(
        "asks a socket of the user's services",
        "SOCKET=$M/runtime/bus $T attempts::asks_a_socket_of_the_table",
    ),
    attempt(
        "asks an agent for keys in the home",
        "SOCKET=$M/home/agent $T attempts::asks_a_socket_of_the_table",
    ),
    attempt("reaches a port of the machine", "exec 3<>/dev/tcp/127.0.0.1/$PORT && head -c7 <&3"),
    attempt("reaches it by IPv6 or a name", "exec 3<>/dev/tcp/localhost/$PORT && head -c7 <&3"),
    attempt("finds shared memory", "ipcs -m -i $SHM | grep shmid= && echo made-up"),
    attempt("removes shared memory", "ipcrm -m $SHM2 && echo made-up"),
    attempt("finds sockets of the machine", "grep -q $SOCKET /proc/net/unix && echo made-up"),
    inside_only("reaches the network", "exec 3<>/dev/tcp/192.0.2.1/80 && echo made-up"),
    inside_only("sends a datagram", "echo > /dev/udp/192.0.2.1/53 && echo made-up"),
    inside_only(
        "has another interface",
        "tail -n +3 /proc/net/dev | grep -v ' lo:' && echo made-up",
    ),
    inside_only("makes an interface", "ip link add codexpin0 type dummy && echo made-up"),
    inside_only(
        "enters the machine's network",
        "nsenter -t $P -n cat /proc/net/dev && echo made-up",
    ),
    inside_only(
        "asks the machine's services",
        "ls -A /run /var/run | grep . | grep -vE ':|^mount$' && echo made-up",
    ),
    inside_only("starts a unit", "systemd-run --user true && echo made-up"),
    inside_only(
        "has devices beyond the usual",
        "ls /dev | grep -vxE 'fd|full|null|ptmx|pts|random|shm|stderr|stdin|stdout|urandom|zero' && echo made-up",
    ),
    inside_only("writes to another terminal", "ls /dev/pts | grep -v ptmx && echo made-up"),
    inside_only("writes to codexpin's terminal", "exec 7>/dev/tty && echo made-up"),
    inside_only(
        "has files open that it was not given",
        "ls /proc/self/fd | grep -vxE '[0-3]' && echo made-up",
    ),
    // To find, to hold up, and to signal.
    attempt("finds a process", "test -d /proc/$P && echo made-up"),
    attempt("lists the processes", "ls /proc | grep -x $P && echo made-up"),
    attempt("reads a command line", "tr '\\0' ' ' < /proc/$P/cmdline | grep . && echo made-up"),
    attempt("reads how a process is", "grep -q State /proc/$P/status && echo made-up"),
    attempt("makes a process yield", "renice -n 5 -p $P && echo made-up"),
    attempt("limits a process", "prlimit --pid $P --nofile=512 && echo made-up"),
    attempt("binds a process to a core", "taskset -pc 0 $P && echo made-up"),
    inside_only("ends the first process", "kill -KILL 1 && echo made-up"),
    inside_only("reads the first process's environment", "cat /proc/1/environ && echo made-up"),
    inside_only(
        "shows other processes",
        "mount -t proc proc /proc && test -d /proc/$P && echo made-up",
    ),
    inside_only("uncovers the processes", "umount -l /proc; test -d /proc/$P && echo made-up"),
    attempt("asks whether a process is there", "kill -0 $P && echo made-up"),
    attempt("stops a process", "kill -STOP $P && kill -CONT $P && echo made-up"),
    attempt("ends a process", "kill -TERM $V && echo made-up"),
    attempt("ends it by its group", "kill -KILL -- -$V2 && echo made-up"),
];

/// A process of the made-up machine, once it is what it is to be.
async fn victim(home: &Utf8Path) -> RunningProcess {
    let mut program = outside("bash", &["-c", "exec 9<>open; echo ready; exec sleep 120"]);
    program.directory = home.to_owned();
    program.environment = program.environment.with("SECRET", "made-up");
    program.time_limit = Duration::from_mins(2);
    let mut victim = PROCESSES.start(&program).unwrap();
    assert!(victim.output_until(|stdout, _| stdout.contains("ready")).await);
    victim
}

/// What is there to be reached, made anew for each of the two rounds.
struct Machine {
    _guard: tempfile::TempDir,
    root: Utf8PathBuf,
    scratch: Utf8PathBuf,
    victims: [RunningProcess; 3],
    beside: Utf8PathBuf,
    memory: [String; 2],
    port: u16,
}

const FILES: [&str; 16] = [
    "home/.ssh/id",
    "home/.npmrc",
    "home/.bashrc",
    "home/open",
    "home/.openclaw/login.json",
    "bin/tool",
    "bin/second",
    "node/bin/node",
    "node/lib/index.js",
    "prefix/file",
    "other/secret",
    "other/file",
    "other/gone/file",
    "cache/registry/secret",
    "cache/registry/packument",
    "elsewhere/file",
];

impl Machine {
    async fn make() -> Self {
        let (guard, base) = in_tmp();
        let root = base.join("machine");
        for file in FILES {
            let file = root.join(file);
            fs_err::create_dir_all(file.parent().unwrap()).unwrap();
            fs_err::write(file, "made-up secret\n").unwrap();
        }
        for directory in ["elsewhere/dir", "runtime", "scratch"] {
            fs_err::create_dir_all(root.join(directory)).unwrap();
        }
        let everybody = std::fs::Permissions::from_mode(0o777);
        fs_err::set_permissions(root.join("elsewhere"), everybody).unwrap();
        for socket in ["elsewhere/socket", "runtime/bus", "home/agent"] {
            serve(&UnixListener::bind(root.join(socket)).unwrap());
        }
        let beside = Utf8PathBuf::from(format!("/tmp/codexpin-attempt-{}", std::process::id()));
        fs_err::write(&beside, "made-up").unwrap();
        let home = root.join("home");
        Self {
            victims: [victim(&home).await, victim(&home).await, victim(&home).await],
            scratch: root.join("scratch"),
            beside,
            memory: [shared_memory().await, shared_memory().await],
            port: serve_port(),
            _guard: guard,
            root,
        }
    }

    fn plan(&self) -> MountPlan {
        let at = |name: &str| self.root.join(name);
        let tmp = self.scratch.join("private");
        fs_err::create_dir_all(&tmp).unwrap();
        MountPlan {
            tmp,
            hide: vec![at("home"), at("cache"), at("other"), at("runtime")],
            write: vec![self.scratch.clone()],
            // The machine lies in /tmp here: what is not hidden on another is named.
            read: vec![at("bin"), at("node"), at("prefix"), at("elsewhere"), this_test()],
        }
    }

    fn program(&self, attempt: &Attempt) -> Program {
        // Each in a shell of its own, that a failure in the middle does not end.
        let script = format!(
            "cd $S; {{ {}; }} 2>/dev/null | grep -aq made-up && echo {REACHED}",
            attempt.script
        );
        let mut program = outside("bash", &["-c", &script]);
        let [victim, second, third] = &self.victims;
        let test = format!("{} --ignored --exact --nocapture", this_test());
        let number = |victim: &RunningProcess| victim.id().to_string();
        for (name, value) in [
            ("M", self.root.as_str()),
            ("S", self.scratch.as_str()),
            ("P", &number(victim)),
            ("V", &number(second)),
            ("V2", &number(third)),
            ("SOCKET", self.root.join("elsewhere/socket").as_str()),
            ("PORT", &self.port.to_string()),
            ("SHM", &self.memory[0]),
            ("SHM2", &self.memory[1]),
            ("T", &test),
            ("B", self.beside.as_str()),
        ] {
            program.environment = program.environment.with(name, value);
        }
        program
    }

    /// Every file outside the scratch home, with what is in it, its mode and its time.
    async fn digest(&self) -> String {
        let script = "cd $M && find . -path ./scratch -prune -o -printf '%p %m %s %T@\\n' | sort; \
                      find . -path ./scratch -prune -o -type f -print0 | sort -z | xargs -0 cat";
        let mut program = outside("bash", &["-c", script]);
        program.environment = program.environment.with("M", self.root.as_str());
        run(&program).await.stdout.text()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = fs_err::remove_file(&self.beside);
        for id in &self.memory {
            let _ = Command::new("ipcrm").args(["-m", id]).stderr(Stdio::null()).status();
        }
    }
}

fn serve(listener: &UnixListener) {
    let listener = listener.try_clone().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"made-up");
        }
    });
}

fn serve_port() -> u16 {
    // On both families, as `localhost` may lead to either.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"made-up");
        }
    });
    port
}

async fn shared_memory() -> String {
    let said = run(&outside("ipcmk", &["-M", "64"])).await.stdout.text();
    said.trim().rsplit(' ').next().unwrap().to_owned()
}

#[test]
#[ignore = "run by an attempt"]
fn asks_a_socket_of_the_table() {
    super::asks_a_socket();
}

#[tokio::test]
async fn no_attempt_of_the_table_gets_out_of_an_enclosure_and_those_that_can_succeed_outside() {
    let machine = Machine::make().await;
    let before = machine.digest().await;
    let enclosure = Enclosure::open(&PROCESSES, &shim(), Some(machine.plan())).await.unwrap();
    assert!(enclosure.shared_tmp().is_none(), "{:?}", enclosure.shared_tmp());
    let mut reached = Vec::new();
    for attempt in ATTEMPTS {
        let mut program = machine.program(attempt);
        program.enclosure = Some(enclosure.handle());
        if run(&program).await.stdout.text().contains(REACHED) {
            reached.push(attempt.what);
        }
    }
    assert_eq!(reached, [""; 0], "reached from inside");
    assert_eq!(machine.digest().await, before);
    enclosure.close().await.unwrap();

    let mut missed = Vec::new();
    for attempt in ATTEMPTS.iter().filter(|attempt| attempt.outside) {
        if !run(&machine.program(attempt)).await.stdout.text().contains(REACHED) {
            missed.push(attempt.what);
        }
    }
    assert_eq!(missed, [""; 0], "not reached outside either: the attempt shows nothing");
    println!(
        "{} attempts, {} of them made outside as well",
        ATTEMPTS.len(),
        ATTEMPTS.iter().filter(|a| a.outside).count()
    );
}
