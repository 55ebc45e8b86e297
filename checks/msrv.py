#!/usr/bin/env python3
"""The Rust version that Cargo.toml promises: no dependency needs a newer one, and one needs no older.

Where a toolchain of that version is installed, the library is checked with it, with all features. Where there is none, what is
checked is what the dependencies declare, and (by `just clippy`, lint `incompatible_msrv`) that no item of std is newer. Neither
sees syntax that is newer.
"""

import json
import shutil
import subprocess
import sys


def numbers(version):
    return tuple(int(part) for part in (version.split(".") + ["0", "0"])[:3])


def output(*command):
    return subprocess.check_output(command, text=True)


packages = json.loads(output("cargo", "metadata", "--format-version", "1", "--locked", "--all-features"))["packages"]
declared = {(package["name"], package["version"]): package["rust_version"] for package in packages}
ours = next(package["rust_version"] for package in packages if package["name"] == "tower-cognito")

# What a user of the crate builds; the tests and examples may need more.
tree = output("cargo", "tree", "--locked", "--all-features", "--target", "all", "--edges", "normal,build",
              "--prefix", "none", "--format", "{p}")
used = {(name, version.removeprefix("v")) for name, version, *_ in map(str.split, tree.splitlines()) if name != "tower-cognito"}
needs = {package: declared[package] for package in used if declared[package]}
highest = max(map(numbers, needs.values()))
forcing = sorted(name for (name, _), version in needs.items() if numbers(version) == highest)
newer = {package: version for package, version in needs.items() if numbers(version) > numbers(ours)}

print(f"rust-version {ours}; {len(used)} dependencies, {len(used) - len(needs)} of which declare none")
print(f"{'.'.join(map(str, highest))} is what {', '.join(forcing)} need")
if newer:
    sys.exit(f"newer than {ours}: {newer}")
if highest < numbers(ours):
    sys.exit(f"no dependency needs {ours} any more; what does?")

rustup = shutil.which("rustup")
installed = output(rustup, "toolchain", "list").split() if rustup else []
toolchain = next((name for name in installed if name.startswith(f"{ours}-") or name.startswith(f"{ours}.")), None)
if toolchain:
    subprocess.run([rustup, "run", toolchain, "cargo", "check", "--lib", "--all-features", "--locked",
                    "--target-dir", "target/msrv"], check=True)
    print(f"checked with {toolchain}")
else:
    print(f"no toolchain of {ours} here: what the dependencies declare is all that was checked")
