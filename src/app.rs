//! What the commands do, callable without the command line: results and errors
//! out, nothing of arguments, exit codes and printing.

mod error;

pub use error::AppError;
