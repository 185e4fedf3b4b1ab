//! The memory allocator of the server, and its settings.
//!
//! glibc's malloc does not return the memory of thousands of closed sockets to the system. jemalloc does, within seconds.
//! The settings are compiled into the program: a file or a variable would be missing from some builds and containers.
//! `tests/e2e/packaging.test.mjs` reads them back from the running program.

use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// A background thread returns unused memory after one second. Four arenas are enough for a handful of worker threads, and
/// fewer arenas hold less unused memory.
const SETTINGS: &std::ffi::CStr = c"background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0,narenas:4";

/// jemalloc reads its settings from this symbol before `main` runs: a pointer to a C string.
#[expect(unsafe_code, reason = "jemalloc finds its settings by symbol name; no other symbol has this prefix")]
#[used]
#[unsafe(export_name = "_rjem_malloc_conf")]
static MALLOC_CONF: Option<&'static u8> = SETTINGS.to_bytes_with_nul().first();
