#!/usr/bin/env bash
# What cargo runs instead of rustc for this crate and its tests, but not for dependencies. cargo does not notice when this
# file changes: give it another name then. Without compression, because not every llvm-profdata can undo it.
exec "$@" -C instrument-coverage -C llvm-args=-enable-name-compression=false
