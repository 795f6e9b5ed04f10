//! `codexpin loopback`.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::context::Context;
use crate::app::AppError;
use crate::exit_code::ExitCode;
use crate::explain::Class;
use crate::report::loopback::LoopbackReport;
use crate::upstream::loopback::{Fault, Loopback, LoopbackOptions};

#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// The port on 127.0.0.1; 0 lets the system choose.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// What is to be wrong with every turn.
    #[arg(long, value_name = "NAME", value_parser = faults())]
    fault: Option<Fault>,
}

pub(super) fn faults() -> impl TypedValueParser<Value = Fault> {
    let value = |fault: Fault| PossibleValue::new(fault.name()).help(fault.description());
    PossibleValuesParser::new(Fault::ALL.map(value)).try_map(|name| name.parse::<Fault>())
}

impl Serve {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, AppError> {
        let options =
            LoopbackOptions { port: self.port, fault: self.fault, ..LoopbackOptions::default() };
        let loopback = Loopback::start(options).await?;
        let directory = tempfile::Builder::new().prefix("codexpin-loopback-").tempdir()?;
        let ca = camino::Utf8PathBuf::from_path_buf(directory.path().join("ca.pem")).map_err(
            |path| AppError::new(Class::Infrastructure, format!("{} is not UTF-8", path.display())),
        )?;
        loopback.write_ca(&ca)?;
        let environment = loopback.environment(&ca);
        let mut served = LoopbackReport::begin(
            &loopback.base_url(),
            &environment,
            self.fault.map(|fault| (fault.name(), fault.description())),
        );
        let mut every = tokio::time::interval(std::time::Duration::from_millis(200));
        loop {
            tokio::select! {
                _ = every.tick() => served.show(&loopback.records()),
                () = context.stop.cancelled() => break,
            }
        }
        served.show(&loopback.shutdown().await);
        Ok(ExitCode::Success)
    }
}
