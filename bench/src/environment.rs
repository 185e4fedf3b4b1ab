//! The resources that all runs share: the database cluster and the programs.

use crate::database::Cluster;
use crate::target::Programs;

/// The resources that all runs share.
pub struct Environment {
    pub cluster: Cluster,
    pub programs: Programs,
    /// The process id of PostgreSQL's first process.
    pub postgres_pid: u32,
}
