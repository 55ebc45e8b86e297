#!/usr/bin/env bash
# The workflows of the forge, which nothing else runs here: their syntax, and what is known to be
# unsafe in them.
set -euo pipefail
cd "$(dirname "$0")/.."

if command -v actionlint > /dev/null; then
    actionlint .github/workflows/*.yml
else
    echo "no actionlint here: the workflows' expressions and scripts are not checked"
fi
# Without its checks that ask the forge.
zizmor --offline --quiet --persona pedantic .github/workflows

# Each action is pinned by the whole hash of a commit, and says which version that is.
if grep -nE '^\s*(- )?uses:' .github/workflows/*.yml | grep -vE '@[0-9a-f]{40} # v[0-9]+\.[0-9]+\.[0-9]+$'; then
    echo "not pinned by a hash" >&2
    exit 1
fi
