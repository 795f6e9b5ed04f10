//! What stands in the way of a turn besides the login.

use std::collections::HashMap;
use std::time::Duration;

use super::claims::now;
use super::refusal::{self, Refusal};

/// How long a used-up account has to wait.
const RESETS_IN: u64 = 3600;

/// Limits as a test sets them.
#[derive(Debug)]
pub(super) struct Limits {
    /// Accounts and how many turns they have left.
    pub(super) usage: HashMap<String, u32>,
    /// Accounts and how many requests are still too many.
    pub(super) rate: HashMap<String, u32>,
    /// Whether nothing works.
    pub(super) outage: bool,
    /// The pause before an event.
    pub(super) pace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let pace = Duration::from_millis(3);
        Self { usage: HashMap::new(), rate: HashMap::new(), outage: false, pace }
    }
}

impl Limits {
    /// Counts a turn of the account, or says why there is none.
    pub(super) fn admit(&mut self, account: &str, plan: &str) -> Result<(), Refusal> {
        if let Some(left) = self.rate.get_mut(account).filter(|left| **left > 0) {
            *left -= 1;
            return Err(refusal::rate_limit());
        }
        match self.usage.get_mut(account) {
            Some(0) => Err(refusal::usage_limit(plan, now() + RESETS_IN, RESETS_IN)),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}
