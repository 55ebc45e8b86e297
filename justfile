# The commands that CI and people run. `just` lists the recipes.

set shell := ["bash", "-euo", "pipefail", "-c"]

_list:
    @just --list

# Everything that CI runs after `cargo test`.
ci: fmt typos prose deny unused-deps msrv clippy doc public-api compile-fail features other-features no-fixture-keys interleavings examples examples-alone soak-short bench-quick instructions-check package docs-rs workflows supply-chain planted-faults coverage fuzz differential interop-local interop-mcp interop-exchange e2e interop grpc lambda secrets-manager fleet

# Formatting.
fmt:
    cargo fmt --all --check

# Spelling.
typos:
    typos

# Unclear words, and lines that are too wide.
prose:
    checks/prose.py

# Licences, banned and duplicate crates, and their sources. Not advisories: their database is another repository.
deny:
    cargo deny check -D warnings licenses bans sources

# Every dependency is used.
unused-deps:
    cargo shear --deny-warnings

# The public API equals its list, and exposes only permitted crates. `just public-api --write` updates the list.
public-api *ARGS:
    checks/public_api/run.sh {{ARGS}}

# Draws the pictures of docs/, legible on light and dark pages. Needs graphviz.
flow:
    docs/flow.sh

# Common mistakes do not compile, and the compiler's messages say what to write.
compile-fail:
    cargo test -p compile-fail

# Lints, warnings as errors.
clippy:
    cargo clippy --workspace --exclude interleavings --all-targets --all-features -- -D warnings

# The documentation, warnings as errors.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --all-features

# No dependency needs a newer Rust than Cargo.toml declares.
msrv:
    checks/msrv.py

# The lines of src/ that the tests run. A file of the pipeline below 90 % needs a reason in checks/coverage/below.txt.
coverage:
    checks/coverage/run.py

# The lines that the inputs of the fuzz targets run, of the files that parse.
fuzz-coverage:
    checks/coverage/run.py --fuzz

# Each fuzz target for some seconds, on each core one. `just fuzz 3600 address` does so with AddressSanitizer. Needs cargo-fuzz.
fuzz SECONDS="8" SANITIZER="none":
    fuzz/run.sh {{SECONDS}} {{SANITIZER}}

# Keeps few inputs that cover what `just fuzz` has found, for `cargo test` to replay.
fuzz-keep *DIRECTORIES:
    fuzz/keep.sh {{DIRECTORIES}}

# Each feature alone, none, and all. Needs cargo-hack.
features:
    cargo hack clippy --lib --each-feature --no-dev-deps -- -D warnings

# Every set of features compiles. Not in CI: takes two minutes, and `just features` covers most of it.
feature-powerset:
    cargo hack check --quiet --lib --feature-powerset --exclude-features default --no-dev-deps

# The lowest versions that Cargo.toml permits suffice. Not in CI: a release of another crate can break it any day.
minimal-versions:
    checks/minimal_versions.sh

# The version permits what has changed in the public API since a revision, or the last tag. Needs cargo-semver-checks.
semver *REVISION:
    checks/semver.sh {{REVISION}}

# The library type-checks for musl, i686, Windows and macOS. Not in CI: some ten minutes, and Zig takes 400 MB.
platforms *TARGETS:
    checks/platforms.sh {{TARGETS}}

# The tests on aarch64, emulated. Not in CI: takes too long. Needs QEMU and a cross compiler.
qemu:
    checks/qemu.sh

# Features that another crate enables in reqwest and serde_json change nothing. Needs OpenSSL's headers.
other-features:
    cargo test --quiet --manifest-path checks/other_features/Cargo.toml --target-dir target/other-features

# A build with default features contains no test key.
no-fixture-keys:
    checks/no_fixture_keys.sh

# The key source and the token cache under a model checker, which tries every order of the threads.
interleavings:
    cargo test --quiet -p interleavings

# The tests of the example packages and the tools, and the commands that each example prints.
examples:
    cargo test --quiet --workspace --exclude tower-cognito --exclude compile-fail --exclude interleavings
    checks/examples.py
    cargo run --quiet --example testing_your_service
    programs=$(checks/programs.sh example-shared-tokens local-issuer cases); for program in $programs; do "$program" --check; done

# Each package of examples/ and tools/ compiles by itself, with the features that it names.
examples-alone:
    checks/examples_alone.sh

# Client secrets from an emulator of Secrets Manager. Compiles the AWS SDK.
secrets-manager:
    examples/secrets-manager/check.sh

# The test suite with the FIPS module of aws-lc. Not in CI: needs Go, CMake and ten minutes.
fips:
    examples/fips/check.sh

# A denylist in an emulator of DynamoDB. Not in CI: compiles for two minutes, and `just fleet` tests the same with Redis.
denylist-dynamodb:
    examples/denylist-dynamodb/check.sh

# Runs every benchmark once, to check that it works.
bench-quick:
    cargo bench -p benches --bench verify -- --quick
    cargo bench -p benches --bench cache -- --quick
    cargo bench -p benches --bench memory -- --quick
    cargo bench -p benches --bench hostile -- --quick
    cargo bench -p benches --bench cost -- --quick
    cargo bench -p benches --bench denylist -- --quick

# The cost of verification, as ratios from one interleaved run.
bench:
    cargo bench -p benches --bench verify

# Searches for the token that costs most before its signature, for a minute.
bench-hostile SECONDS="60":
    cargo bench -p benches --bench hostile -- {{SECONDS}}

# Searches for the tokens that cost most per byte before their signature, by counting instructions. Not in CI: compiles everything
# twice. Needs valgrind.
cost TRIES="20000":
    benches/cost.sh {{TRIES}}

# The memory of the token cache when 100 000 tokens pass through it.
bench-memory:
    cargo bench -p benches --bench memory

# The cost of a denylist of a million entries, in memory and per request.
bench-denylist:
    cargo bench -p benches --bench denylist

# This crate and others, in process, side by side. Builds each separately.
bench-peers *ARGS:
    benches/peers/run.sh {{ARGS}}

# Requests a second over loopback. Needs wrk and two cores.
bench-load *ARGS:
    benches/load/run.sh {{ARGS}}

# The published package builds, and contains only what it should.
package:
    checks/package.sh

# Instructions per stage, counted by callgrind.
instructions:
    benches/instructions.sh

# No stage takes more instructions than its bound. Needs valgrind.
instructions-check:
    benches/instructions.sh --check

# The cases of fixtures/cases in AWS's aws-jwt-verify and in jose.
differential:
    checks/differential/run.sh

# Tokens of the local issuer in other libraries.
interop-local:
    checks/interop/local_issuer/run.sh

# The walk-through, run against an emulator of Cognito.
e2e:
    checks/e2e/run.sh

# Token exchange with another project's server.
interop-exchange:
    checks/interop/token_exchange/run.sh

# Tokens of other projects' issuers.
interop:
    checks/interop/other_issuers/run.sh

# The MCP server of examples/mcp with the SDKs of the MCP project and its conformance suite.
# With a Node before 22 it downloads one for the suite, from npm.
interop-mcp:
    checks/interop/mcp/run.sh

# The denylist against a real Redis, and forward authentication through nginx, Envoy and Caddy.
fleet:
    checks/fleet/run.sh

# The gRPC example, called by another project's client.
grpc:
    checks/grpc/run.sh

# The Lambda examples in cargo-lambda's emulator. Needs cargo-lambda.
lambda:
    checks/lambda/example.sh

# The same, and the authorizer behind an emulated API Gateway. Not in CI: installs the packages of the end-to-end test.
lambda-gateway:
    checks/lambda/example.sh gateway

# Each fault that is planted in a copy of the sources fails the test named for it. `just planted-faults WORD` plants some.
planted-faults *WORDS:
    checks/planted_faults/run.py {{WORDS}}

# Each mutant that cargo-mutants makes of src/ fails a test, or checks/mutants/explained.toml says why none can. `just mutants WORD`
# runs some, `just mutants --missed` those that the last run missed. Not in CI: takes too long. Needs cargo-mutants.
mutants *WORDS:
    checks/mutants/run.sh {{WORDS}}

# The documentation as docs.rs builds it, in target/docs-rs/doc.
docs-rs:
    checks/docs_rs.sh

# The forge's workflows. Needs zizmor; actionlint checks more.
workflows:
    checks/workflows.sh
    checks/release.sh

# docs/SUPPLY-CHAIN.md names every crate of the default build and its maintainers. `--write` updates it.
supply-chain *ARGS:
    checks/supply_chain/run.py {{ARGS}}

# Known vulnerabilities. Not in CI: needs the advisory database. Run it daily where the network reaches it.
advisories:
    cargo deny check advisories

# Load, rotations, outages and forged tokens for a minute and a half, with every response checked.
soak-short:
    "$(checks/programs.sh soak)" 96

# The same for half an hour, optimized.
soak SECONDS="1800" *REPORT:
    cargo run --release --quiet -p soak -- {{SECONDS}} {{REPORT}}
