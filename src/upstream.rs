//! Upstream: who answers the model requests of a check. The user's account
//! does, or the embedded [`loopback`], which needs no account and no network.

pub mod loopback;
