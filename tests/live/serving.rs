//! The service itself keeps the rules that the other tests stand on.
