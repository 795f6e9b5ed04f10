//! The `codexpin` command: parse, run, exit code.

use clap::Parser as _;
use codexpin::cli::{self, Cli};
use codexpin::exit_code::ExitCode;
use codexpin::process::{self, enclosure};

fn main() -> ExitCode {
    // Before any thread is there: only a process with one thread can change its user namespace.
    if let Some(code) = enclosure::serve(std::env::args_os()) {
        return code;
    }
    process::keep_memory_private();
    process::keep_inherited_files();
    let cli = Cli::parse();
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(cli::run(cli));
            // Readers of a pipe that nobody closes would hold the end up.
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            codexpin::report::terminal::error(&format!("cannot start: {error}"), None);
            ExitCode::Failure
        }
    }
}
