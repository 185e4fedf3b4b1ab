//! Connections to Postgres, shared by all tasks of a server.
//!
//! The pool is a `deadpool` pool instead of sqlx's own, because of two behaviours that sqlx cannot switch off. sqlx pings
//! a connection whenever it is returned, which costs a round trip, as much work as a small query. And it waits for that
//! ping without a limit, so a connection that goes silent stays taken, until all of them are.
//!
//! **The rule.** A connection returns to the pool only if its last use is known to have ended: with a result, or with an
//! error that Postgres itself reported. In every other case (the user is cancelled or panics, a timeout, a broken
//! connection) it is closed, and Postgres rolls back its open transaction. A connection that was idle for long is pinged
//! before use.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{Manager, Metrics, Object, Pool, PoolError, QueueMode, RecycleResult, Timeouts};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use sqlx::postgres::{PgConnectOptions, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{ConnectOptions, Connection, Either, Error, Execute, Executor, PgConnection, Postgres, SqlStr};
use tokio::time::{Instant, sleep, timeout};

/// How long to wait for a free connection, or for a database that does not accept connections yet.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// The delay between two attempts to connect.
const CONNECT_RETRY_DELAY: Duration = Duration::from_millis(100);
/// A connection that was idle for longer is pinged before use. Pinging always would cost one round trip per request.
const MAX_TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// How long that ping may take.
const PING_TIMEOUT: Duration = Duration::from_secs(1);

/// How long one query may take.
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);

/// Limits for this connection: a process that freezes or is cut off between two statements of a transaction must not hold
/// a vault's lock for long, and a statement whose client is gone must not keep waiting. They are set by a statement,
/// because a connection pooler in between rejects them as connection parameters.
const SESSION_SETTINGS: &str =
    "SET idle_in_transaction_session_timeout = '5s'; SET client_connection_check_interval = '2s'";

/// A pool of connections. Clones share the connections.
///
/// It connects on first use, so that a server can start while the database is unavailable. As an sqlx executor it runs
/// each query on a connection of the pool:
///
/// ```no_run
/// # async fn example() -> Result<(), sqlx::Error> {
/// let options: sqlx::postgres::PgConnectOptions = "postgres://localhost/syncscript".parse()?;
/// let db = outbox_worker::Db::new(options, 10);
/// let one: i32 = sqlx::query_scalar("SELECT 1").fetch_one(&db).await?;
///
/// // For a transaction, take one connection, and return it when its work has ended.
/// let mut lease = db.lease().await?;
/// let two: i32 = sqlx::query_scalar("SELECT 2").fetch_one(&mut *lease).await?;
/// lease.give_back();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Db {
    pool: Pool<Connector>,
}

/// Opens connections and checks idle ones.
struct Connector {
    options: PgConnectOptions,
}

impl Manager for Connector {
    type Type = PgConnection;
    type Error = Error;

    async fn create(&self) -> Result<PgConnection, Error> {
        let deadline = Instant::now() + ACQUIRE_TIMEOUT;
        loop {
            match self.options.connect().await {
                Err(error) if is_starting_up(&error) && Instant::now() + CONNECT_RETRY_DELAY < deadline => {
                    sleep(CONNECT_RETRY_DELAY).await;
                }
                connected => {
                    let mut connection = connected?;
                    sqlx::raw_sql(SESSION_SETTINGS).execute(&mut connection).await?;
                    return Ok(connection);
                }
            }
        }
    }

    async fn recycle(&self, connection: &mut PgConnection, metrics: &Metrics) -> RecycleResult<Error> {
        if metrics.last_used() > MAX_TRUSTED_IDLE {
            timeout(PING_TIMEOUT, connection.ping()).await.map_err(|_| Error::PoolTimedOut)??;
        }
        Ok(())
    }
}

/// Returns whether another attempt may succeed soon: nothing listens on the port yet, or Postgres is starting up.
fn is_starting_up(error: &Error) -> bool {
    match error {
        Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        Error::Database(error) => error.code().as_deref() == Some("57P03"),
        _ => false,
    }
}

/// Returns whether the connection is still usable after this error: Postgres reported the error, or no query was sent.
fn is_usable_after(error: &Error) -> bool {
    match error {
        // Class 08: connection exceptions. 57P: an operator ended the connection.
        Error::Database(error) => error.code().is_some_and(|code| !code.starts_with("08") && !code.starts_with("57P")),
        Error::RowNotFound | Error::ColumnDecode { .. } | Error::Decode(_) | Error::Encode(_) => true,
        _ => false,
    }
}

impl Db {
    /// Creates a pool of at most `connections` connections.
    #[must_use]
    pub fn new(options: PgConnectOptions, connections: u32) -> Self {
        let timeouts = Timeouts { wait: Some(ACQUIRE_TIMEOUT), create: Some(2 * ACQUIRE_TIMEOUT), recycle: None };
        let built = Pool::builder(Connector { options })
            .max_size(connections.max(1) as usize)
            // Prefer the most recently used connection: a few warm ones instead of many stale ones.
            .queue_mode(QueueMode::Lifo)
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1)
            .build();
        match built {
            Ok(pool) => Self { pool },
            // This fails only for timeouts without a runtime.
            Err(error) => unreachable!("{error}"),
        }
    }

    /// Returns the connection options.
    #[must_use]
    pub fn options(&self) -> &PgConnectOptions {
        &self.pool.manager().options
    }

    /// Returns the number of connections, and how many of them are idle.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size, status.available)
    }

    /// Takes a connection from the pool, for a transaction or several statements.
    ///
    /// # Errors
    /// [`Error::PoolTimedOut`] if no connection is free in time, or the error of a failed attempt to connect.
    pub async fn lease(&self) -> Result<Lease, Error> {
        let object = self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error,
            _ => Error::PoolTimedOut,
        })?;
        Ok(Lease { object: Some(object) })
    }
}

/// A connection taken from the pool. Dropping the lease closes the connection; [`Lease::give_back`] returns it.
pub struct Lease {
    /// `None` only after [`Self::give_back`].
    object: Option<Object<Connector>>,
}

impl Lease {
    /// Returns the connection to the pool. Call this only after its last use has ended and without an open transaction.
    pub fn give_back(mut self) {
        self.object.take();
    }

    /// Returns the connection to the pool if it is usable after this result.
    fn give_back_after<T>(self, result: &Result<T, Error>) {
        if result.as_ref().err().is_none_or(is_usable_after) {
            self.give_back();
        }
    }
}

impl Deref for Lease {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        self.object.as_ref().unwrap_or_else(|| unreachable!("give_back consumes the lease"))
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.object.as_mut().unwrap_or_else(|| unreachable!("give_back consumes the lease"))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            drop(Object::take(object));
        }
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The options contain a password.
        f.debug_struct("Db").finish_non_exhaustive()
    }
}

impl<'p> Executor<'p> for &'p Db {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        // Reads all rows at once, so that the connection is back in the pool before the caller sees the first row.
        stream::once(async move {
            let mut lease = self.lease().await?;
            let rows = lease.fetch_many(query).try_collect::<Vec<_>>().await;
            lease.give_back_after(&rows);
            rows.map(|rows| stream::iter(rows.into_iter().map(Ok)))
        })
        .try_flatten()
        .boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(async move {
            let mut lease = self.lease().await?;
            let row = lease.fetch_optional(query).await;
            lease.give_back_after(&row);
            row
        })
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [PgTypeInfo]) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'p: 'e,
    {
        Box::pin(async move {
            let mut lease = self.lease().await?;
            let statement = lease.prepare_with(sql, parameters).await;
            lease.give_back_after(&statement);
            statement
        })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<sqlx::Describe<Postgres>, Error>>
    where
        'p: 'e,
    {
        Box::pin(async move {
            let mut lease = self.lease().await?;
            let description = lease.describe(sql).await;
            lease.give_back_after(&description);
            description
        })
    }
}

/// Runs a query with a time limit of 5 s, so that a connection that goes silent without being closed does not block its
/// user. The query may then be repeated on another connection.
///
/// # Errors
/// The error of the query, or [`Error::PoolTimedOut`] if the query takes too long.
pub async fn with_query_timeout<T, E: From<Error>>(query: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    timeout(QUERY_TIMEOUT, query).await.unwrap_or_else(|_| Err(Error::PoolTimedOut.into()))
}
