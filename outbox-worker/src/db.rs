//! Connections to Postgres, shared by all tasks of a server.
//!
//! A pool of `deadpool` instead of sqlx's own, for two things that cannot be set there. sqlx asks a connection for a sign
//! of life, by a round trip, whenever it is given back; that is as much work again as a small query. And it waits for the
//! sign without end: a connection that went silent stays taken, until all of them are.
//!
//! **The rule.** A connection comes back only if its last use is known to have ended: with an answer, or with an error
//! that Postgres itself told. Whatever else happens to its user (cancelled, timed out, a broken connection, a panic), it
//! is closed, and Postgres rolls back what it had begun. One that was idle for long is tried before it is used.

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

/// How long to wait for a connection, or for a database that does not take any yet.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// Between two attempts to connect.
const RETRY: Duration = Duration::from_millis(100);
/// A connection idle for longer is tried before it is used. Trying each one would cost a round trip a request.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// How long that trial may take.
const TRIAL: Duration = Duration::from_secs(1);

/// A process that is frozen, or cut off, between two statements of a transaction must not hold a vault's lock for long;
/// and a statement whose client is gone must not wait on. Set by statement, since a connection pooler in between refuses
/// them as parameters of the connection.
const SETTINGS: &str = "SET idle_in_transaction_session_timeout = '5s'; SET client_connection_check_interval = '2s'";

/// Connects when first used, so that a server starts while the database is away. Clones share the connections.
#[derive(Clone)]
pub struct Db {
    pool: Pool<Connector>,
}

/// Makes connections.
struct Connector {
    options: PgConnectOptions,
}

impl Manager for Connector {
    type Type = PgConnection;
    type Error = Error;

    async fn create(&self) -> Result<PgConnection, Error> {
        let give_up = Instant::now() + ACQUIRE_TIMEOUT;
        loop {
            match self.options.connect().await {
                Err(error) if may_come_soon(&error) && Instant::now() + RETRY < give_up => sleep(RETRY).await,
                connected => {
                    let mut connection = connected?;
                    sqlx::raw_sql(SETTINGS).execute(&mut connection).await?;
                    return Ok(connection);
                }
            }
        }
    }

    async fn recycle(&self, connection: &mut PgConnection, metrics: &Metrics) -> RecycleResult<Error> {
        if metrics.last_used() > TRUSTED_IDLE {
            timeout(TRIAL, connection.ping()).await.map_err(|_| Error::PoolTimedOut)??;
        }
        Ok(())
    }
}

/// Nobody listens, or Postgres is starting up: it is worth another attempt.
fn may_come_soon(error: &Error) -> bool {
    match error {
        Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        Error::Database(error) => error.code().as_deref() == Some("57P03"),
        _ => false,
    }
}

/// Whether the connection that told this error is as good as before: Postgres answered, or never was asked.
fn leaves_whole(error: &Error) -> bool {
    match error {
        // 08: the connection. 57: the operator, who ends it.
        Error::Database(error) => error.code().is_some_and(|code| !code.starts_with("08") && !code.starts_with("57P")),
        Error::RowNotFound | Error::ColumnDecode { .. } | Error::Decode(_) | Error::Encode(_) => true,
        _ => false,
    }
}

impl Db {
    /// At most `connections` at a time.
    #[must_use]
    pub fn new(options: PgConnectOptions, connections: u32) -> Self {
        let timeouts = Timeouts { wait: Some(ACQUIRE_TIMEOUT), create: Some(2 * ACQUIRE_TIMEOUT), recycle: None };
        let built = Pool::builder(Connector { options })
            .max_size(connections.max(1) as usize)
            // Few that are warm rather than many that are stale.
            .queue_mode(QueueMode::Lifo)
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1)
            .build();
        match built {
            Ok(pool) => Self { pool },
            // Only timeouts without a runtime make this fail.
            Err(error) => unreachable!("{error}"),
        }
    }

    /// How it connects.
    #[must_use]
    pub fn options(&self) -> &PgConnectOptions {
        &self.pool.manager().options
    }

    /// How many connections there are, and how many of them are idle.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size, status.available)
    }

    /// A connection of one's own, for a transaction or several statements.
    ///
    /// # Errors
    /// [`Error::PoolTimedOut`] if none is free in time, or whatever kept it from connecting.
    pub async fn lease(&self) -> Result<Lease, Error> {
        let object = self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error,
            _ => Error::PoolTimedOut,
        })?;
        Ok(Lease { object: Some(object) })
    }
}

/// A connection lent out. Dropped, it is closed; [`Lease::give_back`] keeps it for the next.
pub struct Lease {
    /// There until the end.
    object: Option<Object<Connector>>,
}

impl Lease {
    /// Its last use has ended, and no transaction is open.
    pub fn give_back(mut self) {
        self.object.take();
    }

    /// Gives it back if this result leaves it whole.
    fn settle<T>(self, result: &Result<T, Error>) {
        if result.as_ref().err().is_none_or(leaves_whole) {
            self.give_back();
        }
    }
}

impl Deref for Lease {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        self.object.as_ref().unwrap_or_else(|| unreachable!("it is given back by value"))
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.object.as_mut().unwrap_or_else(|| unreachable!("it is given back by value"))
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
        // The options hold a password.
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
        // All at once: the connection is back before the caller looks at the first row.
        stream::once(async move {
            let mut lease = self.lease().await?;
            let rows = lease.fetch_many(query).try_collect::<Vec<_>>().await;
            lease.settle(&rows);
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
            lease.settle(&row);
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
            lease.settle(&statement);
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
            lease.settle(&description);
            description
        })
    }
}
