//! `codexpin loopback`.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::app::context::Context;
use crate::app::{AppError, loopback};
use crate::exit_code::ExitCode;
use crate::report::loopback::LoopbackReport;
use crate::upstream::loopback::Fault;

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
        let fault = self.fault.map(|fault| (fault.name(), fault.description()));
        loopback::serve(context, self.port, self.fault, |address| {
            let mut report = LoopbackReport::begin(&address.base_url, &address.environment, fault);
            move |records: &[_]| report.show(records)
        })
        .await?;
        Ok(ExitCode::Success)
    }
}
