//! The loopback upstream in the foreground.

use std::time::Duration;

use camino::Utf8PathBuf;

use super::AppError;
use super::context::Context;
use crate::explain::Class;
use crate::observation::RequestRecord;
use crate::upstream::loopback::{Fault, Loopback, LoopbackOptions};

/// How often the record is looked at.
const TICK: Duration = Duration::from_millis(200);

/// What a release needs to reach the loopback.
#[derive(Debug)]
pub struct LoopbackAddress {
    /// Where a custom provider reaches it.
    pub base_url: String,
    /// The environment variables that lead a release there.
    pub environment: Vec<(&'static str, String)>,
}

/// Serves until codexpin is stopped. `begun` is told where; `show` is given the whole
/// record again and again.
pub async fn serve<S: FnMut(&[RequestRecord])>(
    context: &Context,
    port: u16,
    fault: Option<Fault>,
    begun: impl FnOnce(&LoopbackAddress) -> S,
) -> Result<(), AppError> {
    let options = LoopbackOptions { port, fault, ..LoopbackOptions::default() };
    let loopback = Loopback::start(options).await?;
    let directory = tempfile::Builder::new().prefix("codexpin-loopback-").tempdir()?;
    let ca = Utf8PathBuf::from_path_buf(directory.path().join("ca.pem")).map_err(|path| {
        AppError::new(Class::Infrastructure, format!("{} is not UTF-8", path.display()))
    })?;
    loopback.write_ca(&ca)?;
    let address =
        LoopbackAddress { base_url: loopback.base_url(), environment: loopback.environment(&ca) };
    let mut show = begun(&address);
    let mut every = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            _ = every.tick() => show(&loopback.records()),
            () = context.stop.cancelled() => break,
        }
    }
    show(&loopback.shutdown().await);
    Ok(())
}
