//! Group commit: source mutations that arrive while others are being written share a transaction.
//!
//! A commit costs Postgres several times as much as writing a source. Therefore a few lanes, one per core, each write
//! in one transaction what arrived during their previous one. If nothing waits, a mutation is written immediately.
//! `queue` has the lanes and their guards, `writer` the transactions.
//!
//! **State.** Per lane: the pending writes, and whether a task works on them. Writes that are likely to contend share a
//! lane. Per busy vault, that is, a vault locked by someone else (another lane, another node, an operator's tool): the
//! writes that wait for it. A lane does not wait for a busy vault. It moves the vault's writes there, and one task per
//! vault waits with one connection, then writes what has gathered. So a locked vault delays no other vault.
//! **Who changes it.** A caller adds to a lane; the lane's task takes from it, and adds to a busy vault; the vault's
//! task takes from there. No lock is held across an await. A task ends when nothing waits, with the queue locked: the
//! next caller starts a new task.
//! **On failure.** A write that the database rejects fails alone. If Postgres reports that a whole transaction failed,
//! it is rolled back, and each write is retried alone. If the connection breaks or goes silent, it is unknown whether
//! the commit arrived: all its writes fail as unavailable, as a write alone would. Writes that waited too long fail in
//! the same way, and so do the writes that wait when a task panics.
//! If the client disconnects, its write still runs.

mod queue;
#[cfg(test)]
mod tests;
mod writer;

pub use writer::GroupCommit;
