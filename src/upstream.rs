//! Upstream: who answers the model requests of a check. The user's account
//! does, through [`live`], or the embedded [`loopback`], which needs no account
//! and no network. [`pace`] keeps the turns on an account apart.

mod authority;
mod code;
mod credential;
mod encoding;
mod handshake;
mod ledger;
pub mod live;
pub mod loopback;
pub mod pace;
mod variables;
