//! The first signal asks everything to stop, the second ends everything at once.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::app::context::Context;
use crate::exit_code::ExitCode;
use crate::report::terminal;

/// Heeds SIGINT, SIGTERM and SIGHUP from now on.
pub(super) fn heed(context: Arc<Context>) {
    tokio::spawn(async move {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else {
            return;
        };
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            if context.stop.is_cancelled() {
                end_at_once(&context);
            }
            context.events.note("stopping (Ctrl-C again ends at once) ...");
            context.stop.cancel();
        }
    });
}

fn end_at_once(context: &Context) -> ! {
    context.processes.kill_all();
    terminal::end_bars();
    terminal::note(&match context.goes_on_with() {
        Some(command) => format!("ended at once; go on with {command}"),
        None => "ended at once".to_owned(),
    });
    #[expect(clippy::exit, reason = "the second Ctrl-C: nothing may hold it up")]
    std::process::exit(i32::from(ExitCode::Interrupted.number()));
}
