//! Named points at which a test can end codexpin as a power cut would.

/// Ends this process by SIGKILL where `CODEXPIN_KILL_AT` names this point. Only
/// builds with debug assertions look.
pub fn reach(name: &str) {
    #[cfg(debug_assertions)]
    if std::env::var(crate::env::CHECKPOINT).is_ok_and(|wanted| wanted == name) {
        let me = nix::unistd::Pid::this();
        let _ = nix::sys::signal::kill(me, nix::sys::signal::Signal::SIGKILL);
        std::thread::park();
    }
    #[cfg(not(debug_assertions))]
    let _ = name;
}
