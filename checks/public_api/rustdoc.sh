#!/usr/bin/env bash
# rustdoc, allowed to take unstable options. For rustdoc alone: many build scripts look at RUSTC_BOOTSTRAP, and setting it for cargo
# would build every dependency again, here and in the next command.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"
