# What CI runs and people run. `just` lists the recipes.

set shell := ["bash", "-euo", "pipefail", "-c"]

_list:
    @just --list

# Everything that CI runs after `cargo test`.
ci: fmt typos prose deny unused-deps msrv clippy doc public-api compile-fail features other-features no-fixture-keys interleavings examples soak-short bench-quick instructions-check package docs-rs workflows supply-chain planted-faults coverage fuzz differential interop-local interop-mcp interop-exchange e2e interop grpc lambda secrets-manager fleet

# Formatting.
fmt:
    cargo fmt --all --check

# Spelling.
typos:
    typos

# Words that read as translated, and lines that are too wide.
prose:
    checks/prose.py

# Licences, banned and doubled crates, where they come from. Not advisories: their database is another repository.
deny:
    cargo deny check -D warnings licenses bans sources

# No dependency that nothing uses.
unused-deps:
    cargo shear --deny-warnings

# The public API is the one that is listed, and names no crates but those that may be. `just public-api --write` writes the list again.
public-api *ARGS:
    checks/public_api/run.sh {{ARGS}}

# The pictures of docs/, from their text, legible on light and dark pages. Needs graphviz.
flow:
    docs/flow.sh

# Common mistakes do not compile, and the messages name them.
compile-fail:
    cargo test -p compile-fail

# Lints, warnings as errors.
clippy:
    cargo clippy --workspace --exclude interleavings --all-targets --all-features -- -D warnings

# The documentation, warnings as errors.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --all-features

# No dependency needs a newer Rust than Cargo.toml says.
msrv:
    checks/msrv.py

# Which lines of src/ the tests run. A file of the pipeline below 90 % needs a reason in checks/coverage/below.txt.
coverage:
    checks/coverage/run.py

# Each fuzz target for some seconds. Needs cargo-fuzz.
fuzz SECONDS="12":
    fuzz/run.sh {{SECONDS}}

# Each feature alone, none, and all. Needs cargo-hack.
features:
    cargo hack clippy --lib --each-feature --no-dev-deps -- -D warnings

# Every set of features compiles. Not in CI: two minutes, for what `just features` shows of most.
feature-powerset:
    cargo hack check --quiet --lib --feature-powerset --exclude-features default --no-dev-deps

# The lowest versions that Cargo.toml permits are enough. Not in CI: a release of another crate can break it on any day.
minimal-versions:
    checks/minimal_versions.sh

# What another crate of the same binary turns on in reqwest and serde_json changes nothing. Needs OpenSSL's headers.
other-features:
    cargo test --quiet --manifest-path checks/other_features/Cargo.toml --target-dir target/other-features

# No test key is in a build with default features.
no-fixture-keys:
    checks/no_fixture_keys.sh

# The key source and the token cache under a model checker, which tries the orders that threads can run in.
interleavings:
    cargo test --quiet -p interleavings

# The example packages and the tools: their tests; and what each example tells its reader to try works.
examples:
    cargo test --quiet --workspace --exclude tower-cognito --exclude compile-fail --exclude interleavings
    checks/examples.py
    cargo run --quiet -p example-shared-tokens -- --check
    cargo run --quiet --example testing_your_service
    cargo run --quiet -p local-issuer -- --check
    cargo run --quiet -p cases -- --check

# Client secrets from an emulator of Secrets Manager. Compiles the AWS SDK.
secrets-manager:
    examples/secrets-manager/check.sh

# The test suite on the FIPS module of aws-lc. Not in CI: needs Go and CMake, and some ten minutes.
fips:
    examples/fips/check.sh

# A denylist in an emulator of DynamoDB. Not in CI: two minutes of processor time more to compile, for what `just fleet` shows with Redis.
denylist-dynamodb:
    examples/denylist-dynamodb/check.sh

# Every benchmark once, to see that it still works.
bench-quick:
    cargo bench -p benches --bench verify -- --quick
    cargo bench -p benches --bench cache -- --quick
    cargo bench -p benches --bench memory -- --quick
    cargo bench -p benches --bench hostile -- --quick
    cargo bench -p benches --bench denylist -- --quick

# What verification costs, as ratios from one interleaved run.
bench:
    cargo bench -p benches --bench verify

# Searches for the token that costs most before its signature, for a minute.
bench-hostile SECONDS="60":
    cargo bench -p benches --bench hostile -- {{SECONDS}}

# How much memory the token cache takes when 100 000 tokens pass through it.
bench-memory:
    cargo bench -p benches --bench memory

# What a denylist of a million entries costs in memory and per request.
bench-denylist:
    cargo bench -p benches --bench denylist

# Other crates and ours, in process, side by side. Builds each by itself.
bench-peers *ARGS:
    benches/peers/run.sh {{ARGS}}

# Requests a second over loopback. Needs wrk and two cores.
bench-load *ARGS:
    benches/load/run.sh {{ARGS}}

# What is published: it builds, and holds nothing it should not.
package:
    checks/package.sh

# Instructions per stage, counted by callgrind.
instructions:
    benches/instructions.sh

# No stage takes more instructions than its bound. Needs valgrind.
instructions-check:
    benches/instructions.sh --check

# The tables of cases through AWS's aws-jwt-verify and jose.
differential:
    checks/differential/run.sh

# Tokens of the local issuer verify with other people's libraries.
interop-local:
    checks/interop/local_issuer/run.sh

# The walk-through, run against an emulator of Cognito.
e2e:
    checks/e2e/run.sh

# Token exchange at a server that others wrote.
interop-exchange:
    checks/interop/token_exchange/run.sh

# Tokens of issuers that others wrote.
interop:
    checks/interop/other_issuers/run.sh

# The MCP server of examples/mcp with the SDKs of the MCP project and its conformance suite.
# With a Node before 22 it downloads one for the suite, from npm.
interop-mcp:
    checks/interop/mcp/run.sh

# The denylist against a real Redis, and forward authentication through nginx, Envoy and Caddy.
fleet:
    checks/fleet/run.sh

# The gRPC example, called by a client that others wrote.
grpc:
    checks/grpc/run.sh

# The Lambda examples in an emulator of Lambda. Needs cargo-lambda.
lambda:
    checks/lambda/example.sh

# The same, and the authorizer behind an emulated API Gateway. Not in CI: installs what the end-to-end test does.
lambda-gateway:
    checks/lambda/example.sh gateway

# Each fault that is planted in a copy of the sources is noticed by the test that is named for it. `just planted-faults WORD` plants some.
planted-faults *WORDS:
    checks/planted_faults/run.py {{WORDS}}

# The documentation as docs.rs builds it. The pages are in target/docs-rs/doc.
docs-rs:
    checks/docs_rs.sh

# The workflows of the forge. Needs zizmor, and actionlint for half of it.
workflows:
    checks/workflows.sh
    checks/release.sh

# Every crate of the default build is named, with who is behind it. `--write` writes docs/SUPPLY-CHAIN.md again.
supply-chain *ARGS:
    checks/supply_chain/run.py {{ARGS}}

# Known vulnerabilities. Needs a network that reaches the advisory database, so it is not part of CI: run it daily where there is one.
advisories:
    cargo deny check advisories

# Load, rotations, outages and forged tokens for a minute and a half, with every response checked.
soak-short:
    cargo run --quiet -p soak -- 96

# The same for half an hour, optimized.
soak SECONDS="1800" *REPORT:
    cargo run --release --quiet -p soak -- {{SECONDS}} {{REPORT}}
