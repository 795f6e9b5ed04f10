//! Named points at which a test build of codexpin can be made to die, so that
//! tests hold what happens after a kill at any instant.

/// Ends this process with SIGKILL where `CODEXPIN_KILL_AT` names this point.
/// A release build has no such points.
pub fn reach(name: &str) {
    #[cfg(any(test, debug_assertions))]
    if std::env::var(crate::env::CHECKPOINT).is_ok_and(|wanted| wanted == name) {
        use nix::sys::signal::{Signal, kill};
        // The signal cannot be refused or caught; nothing runs after it.
        let _ = kill(nix::unistd::Pid::this(), Signal::SIGKILL);
    }
    #[cfg(not(any(test, debug_assertions)))]
    let _ = name;
}
