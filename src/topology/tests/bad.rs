//! Topologies with something wrong in them, each rule at least once.
