//! The built `codexpin` with the real npm, against a registry in this process
//! whose releases are stand-ins that do what a test tells them.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod agent;
mod machine;
mod patient;
mod registry;
mod remedies;
#[expect(dead_code, reason = "shared with the tests of real logins")]
#[path = "../service/service.rs"]
mod service;
mod terminal;

mod billing;
mod bisect;
mod cache;
mod check;
mod command;
mod config;
mod diagnose;
mod doctor;
mod doctor_logins;
mod doctor_service;
mod egress;
mod events;
mod faults;
mod flaky;
mod foreign_text;
mod gateway;
mod help;
mod install_credentials;
mod install_egress;
mod interrupt;
mod live;
mod loopback;
mod newest;
mod node;
mod nothing_twice;
mod npm_settings;
mod pins;
mod redaction;
mod releases;
mod resume;
mod routes;
mod scan;
mod sessions;
mod shell;
mod tools;
mod try_next;
mod upgrade;
