//! Stores as releases leave them, with made-up tokens.
