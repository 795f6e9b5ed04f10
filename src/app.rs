//! What the commands do, callable without the command line: a plain request in, results
//! and errors out, one file a use. What happens meanwhile is told as events; nothing
//! here prints, asks a person, or knows arguments and exit codes.

pub mod apply;
pub mod bisect;
pub mod cache;
mod changes;
pub mod check;
pub mod context;
pub mod diagnose;
pub mod doctor;
mod enclosure;
mod error;
pub mod history;
pub mod issue;
mod lab;
pub mod login;
pub mod loopback;
pub mod pin;
pub mod question;
pub mod releases;
pub mod routes;
pub mod scan;
pub mod session_log;
pub mod sessions;
pub mod size;
mod standalone;
pub mod status;
pub mod try_next;
pub mod upstream;

pub use error::AppError;

#[cfg(test)]
mod tests;
