#!/usr/bin/env bash
# What cargo runs instead of rustc for this crate and its tests, but not for dependencies.
exec "$@" -C instrument-coverage
