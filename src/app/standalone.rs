//! What Codex itself says of its login, where it is installed beside OpenClaw.
//!
//! Only `codex login status` is run: `codex exec` may renew its login, and where
//! OpenClaw's was taken over from it that would log the live agent out.

use std::time::Duration;

use super::context::Context;
use crate::process::Program;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Its own words; none where there is no `codex`.
pub(super) async fn login_status(context: &Context) -> Option<String> {
    let program = Program {
        executable: "codex".into(),
        arguments: ["login", "status"].map(str::to_owned).to_vec(),
        directory: context.directories.home.clone(),
        environment: context.environment.clone(),
        time_limit: PATIENCE,
        log: None,
        enclosure: None,
        limits: None,
    };
    let finished = context.processes.run(&program, &context.stop).await.ok()?;
    let said = [finished.stdout.text(), finished.stderr.text()].concat();
    let line = said.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(format!("`codex login status` says: {line}"))
}
