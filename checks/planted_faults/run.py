#!/usr/bin/env python3
"""Plants one fault at a time in a copy of the sources, and demands that a named test notices it.

`faults.toml` lists the faults: a text that must be in a file exactly once, what takes its place, and the test that must fail.
The check fails for a fault that nothing notices, for one that no longer applies or does not compile, and for a test that fails
without the fault.

    checks/planted_faults/run.py            all of them
    checks/planted_faults/run.py WORD ...   those whose name, file or test contains one of the words
"""

import collections
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "target" / "planted-faults"
SOURCE = WORK / "source"
BUILD = WORK / "build"
# A test that hangs has noticed nothing.
LONGEST_TEST = 120
# These programs are not debugged, and debug information is most of what is written and linked. Dependencies have none anyway.
ENVIRONMENT = os.environ | {"CARGO_PROFILE_DEV_DEBUG": "0", "CARGO_TERM_COLOR": "never"}


def copy_sources():
    """The files as they are now. An unchanged one keeps its time, so that a second run builds only what changed."""
    listed = subprocess.check_output(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True)
    wanted = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
    for old in SOURCE.rglob("*"):
        if old.is_file() and str(old.relative_to(SOURCE)) not in wanted:
            old.unlink()
    for name in wanted:
        new, old = ROOT / name, SOURCE / name
        if not old.is_file() or old.read_bytes() != new.read_bytes():
            old.parent.mkdir(parents=True, exist_ok=True)
            # Without the time of the original, which may be older than the last build of a planted fault.
            shutil.copy(new, old)


def borrow_dependencies():
    """Links what `cargo test` has built of other people's crates, so that they are not built once more."""
    theirs = ROOT / "target" / "debug"
    ours = BUILD / "debug"
    if ours.exists() or not (theirs / ".fingerprint").is_dir():
        return
    metadata = json.loads(subprocess.check_output(["cargo", "metadata", "--no-deps", "--format-version", "1"], cwd=ROOT, text=True))
    members = {package["name"] for package in metadata["packages"]}
    own = {path.name.rsplit("-", 1)[1] for path in (theirs / ".fingerprint").iterdir() if path.name.rsplit("-", 1)[0] in members}
    for part in [".fingerprint", "build", "deps"]:
        (ours / part).mkdir(parents=True)
        for path in (theirs / part).iterdir():
            stem = path.name.split(".")[0] if path.is_file() else path.name
            if stem.rsplit("-", 1)[-1] in own or "-" not in stem:
                continue
            subprocess.run(["cp", "--archive", "--link", path, ours / part / path.name], check=True)


def build(program):
    """Builds a test program. Returns its path, or what the compiler says."""
    target = ["--lib"] if program == "lib" else ["--test", program]
    done = subprocess.run(
        ["cargo", "test", "--quiet", "--no-run", "--locked", *target, "--target-dir", BUILD, "--message-format", "json-render-diagnostics"],
        cwd=SOURCE, env=ENVIRONMENT, capture_output=True, text=True,
    )
    if done.returncode != 0:
        return None, done.stderr
    artifacts = map(json.loads, done.stdout.splitlines())
    return next(a["executable"] for a in artifacts if a.get("executable") and a["profile"]["test"]), ""


def run(executable, tests):
    """Runs these tests. Returns those that passed and those that failed; one that never ends is in neither."""
    try:
        done = subprocess.run([executable, "--exact", "--test-threads", "4", *tests], cwd=SOURCE, env=ENVIRONMENT,
                              capture_output=True, text=True, timeout=LONGEST_TEST)
        output = done.stdout
    except subprocess.TimeoutExpired as over:
        output = (over.stdout or b"").decode(errors="replace")
    said = [line.split(" ... ") for line in output.splitlines() if line.startswith("test ") and " ... " in line]
    named = lambda word: {name.removeprefix("test ").removesuffix(" - should panic") for name, end in said if end.startswith(word)}
    return named("ok"), named("FAILED")


def main():
    faults = tomllib.loads((HERE / "faults.toml").read_text())["fault"]
    names = [fault["name"] for fault in faults]
    if twice := [name for name, count in collections.Counter(names).items() if count > 1]:
        sys.exit(f"two faults have the same name: {twice}")
    words = sys.argv[1:]
    if words:
        faults = [f for f in faults if any(word in " ".join([f["name"], f["file"], f["test"]]) for word in words)]
    if not faults:
        sys.exit("no fault has such a name")

    started = time.monotonic()
    SOURCE.mkdir(parents=True, exist_ok=True)
    copy_sources()
    borrow_dependencies()
    wrong = []

    by_program = {}
    for fault in faults:
        program, test = fault["test"].split("::", 1)
        text = (SOURCE / fault["file"]).read_text() if (SOURCE / fault["file"]).is_file() else ""
        if (count := text.count(fault["find"])) != 1:
            wrong.append(f"{fault['name']}: its text is {count} times in {fault['file']}; write the fault again for the present text")
            continue
        by_program.setdefault(program, []).append((fault, test))

    for program, planned in by_program.items():
        begun = time.monotonic()
        executable, problem = build(program)
        if executable is None:
            sys.exit(f"{program} does not compile without a fault\n{problem}")
        tests = sorted({test for _, test in planned})
        passed, _ = run(executable, tests)
        print(f"{program}: {len(passed)} of {len(tests)} tests pass without a fault ({time.monotonic() - begun:.0f} s)", flush=True)
        wrong += [f"{program}::{test} does not pass without a fault, or does not exist" for test in tests if test not in passed]
        for fault, test in planned:
            if test not in passed:
                continue
            begun = time.monotonic()
            file = SOURCE / fault["file"]
            sound = file.read_text()
            file.write_text(sound.replace(fault["find"], fault["replace"]))
            try:
                executable, problem = build(program)
                still_passed, failed = run(executable, [test]) if executable else (set(), set())
            finally:
                file.write_text(sound)
            if executable is None:
                wrong.append(f"{fault['name']}: does not compile\n{problem}")
            elif test in still_passed:
                wrong.append(f"{fault['name']}: {program}::{test} passes all the same; is there another test, or none?")
            elif test not in failed:
                wrong.append(f"{fault['name']}: {program}::{test} did not end; let it fail instead")
            verdict = "noticed" if test in failed else "NOT NOTICED" if executable else "DOES NOT COMPILE"
            print(f"  {verdict}: {fault['name']} ({time.monotonic() - begun:.0f} s)", flush=True)

    for complaint in wrong:
        print(complaint, file=sys.stderr)
    print(f"{len(faults)} faults, {len(wrong)} complaints, {time.monotonic() - started:.0f} s")
    if wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
