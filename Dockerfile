# The image of the server and of the operator's tool.
#
#   docker build --build-arg COMMIT="$(git rev-parse HEAD)" -t syncscript .
#
# Tried with buildah (chroot isolation, a Debian trixie base made by debootstrap): the last stage, and --version of the server
# in the image, with the allocator's settings. An earlier version of this file was built as a whole. UNTESTED with Docker.
# tests/e2e/packaging.test.mjs checks the copied files, versions, ports, settings, and the health check against a server.

# The pages, which are embedded in the program.
FROM node:22-trixie-slim AS pages
WORKDIR /src
COPY clients/typescript clients/typescript
COPY test-ui test-ui
RUN npm --prefix test-ui ci --no-audit --no-fund && npm --prefix test-ui run build

# The programs. The base image has the C compiler and make that jemalloc needs.
FROM rust:1.94-trixie AS builder
WORKDIR /src
ENV SQLX_OFFLINE=true
COPY Cargo.toml Cargo.lock build.rs ./
COPY .sqlx .sqlx
# Cargo needs every member of the workspace, even those that are not built.
COPY bench bench
COPY benches benches
COPY migrations migrations
COPY outbox-worker outbox-worker
COPY src src
COPY types types
COPY --from=pages /src/test-ui/dist test-ui/dist
# The commit that the programs report. The image has no checkout to read it from.
ARG COMMIT=""
# The caches survive the build, but are not part of the image, so the programs are copied out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    SYNCSCRIPT_COMMIT="$COMMIT" cargo build --release --locked --workspace --exclude syncscript-bench --bins && \
    install -D -t /out target/release/syncscript target/release/outbox-worker

FROM debian:trixie-slim
RUN useradd --system --no-create-home --uid 10001 syncscript
COPY --from=builder /out/syncscript /out/outbox-worker /usr/local/bin/
USER syncscript
ENV HOST=0.0.0.0 PORT=3000
EXPOSE 3000
# On SIGTERM the server closes its sockets within 1 s and lets running requests finish for up to 5 s. Wait 15 s before SIGKILL.
STOPSIGNAL SIGTERM
# Checks only the process: replacing a container does not repair a database that is down. The image has bash but no curl.
# Images in the OCI format (buildah, podman) drop this instruction, so compose.yaml repeats it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["syncscript"]
CMD ["serve"]
