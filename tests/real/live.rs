//! Logins of real releases at a service that plays `OpenAI`, with accounts, single-use
//! refresh tokens and limits; and what it says to whoever goes about them wrongly.

mod agent;
mod lending;
mod logins;
mod serving;
