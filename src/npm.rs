//! npm: how it is run, what its configuration means, what its registry has, and
//! what an install may reach.

pub mod config;
pub mod egress;
mod failure;
pub mod packument;
pub mod registry;
pub mod registry_proxy;
pub mod run;
