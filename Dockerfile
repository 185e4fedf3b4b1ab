# UNTESTED as a whole: no image was built of this file where it was written. tests/e2e/packaging.test.mjs checks what can be
# checked without Docker: sources, versions, ports, settings, and the health check against a running server.
#
#   docker build --build-arg COMMIT="$(git rev-parse HEAD)" -t syncscript .

# The pages, which are embedded in the program.
FROM node:22-trixie-slim AS pages
WORKDIR /src
COPY clients/typescript clients/typescript
COPY test-ui test-ui
RUN npm --prefix test-ui ci --no-audit --no-fund && npm --prefix test-ui run build

# The programs. The image has the C compiler and make that jemalloc is built with.
FROM rust:1.94-trixie AS builder
WORKDIR /src
# What the checkout would say; it is not copied.
ARG COMMIT=""
ENV SQLX_OFFLINE=true SYNCSCRIPT_COMMIT=$COMMIT
COPY Cargo.toml Cargo.lock build.rs ./
COPY .sqlx .sqlx
# Cargo wants every member of the workspace there, built or not.
COPY bench bench
COPY benches benches
COPY migrations migrations
COPY outbox-worker outbox-worker
COPY src src
COPY types types
COPY --from=pages /src/test-ui/dist test-ui/dist
# The caches outlive a build; the programs must leave them.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --workspace --exclude syncscript-bench --bins && \
    install -D -t /out target/release/syncscript target/release/outbox-worker

FROM debian:trixie-slim
RUN useradd --system --no-create-home --uid 10001 syncscript
COPY --from=builder /out/syncscript /out/outbox-worker /usr/local/bin/
USER syncscript
ENV HOST=0.0.0.0 PORT=3000
EXPOSE 3000
# Sockets are closed within 1 s, running requests have 5 s: give it 15 s before it is killed.
STOPSIGNAL SIGTERM
# Of the process alone: a database that is away is no reason to replace it. By bash, which the image has, without curl.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["syncscript"]
CMD ["serve"]
