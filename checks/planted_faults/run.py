#!/usr/bin/env python3
"""Plants faults in a copy of the sources, and demands that for each one a named test fails.

`faults.toml` lists them: a text that must be in a file exactly once, what takes its place, and the test that must fail. All are
planted in one copy, each behind a switch, so that the copy is built once; a run of a test turns one of them on.

The check fails for a fault that no test notices, for one that no longer applies or does not compile, and for a test that fails
without a fault.

    checks/planted_faults/run.py            all of them
    checks/planted_faults/run.py WORD ...   those whose name, file or test contains one of the words
"""

import collections
import concurrent.futures
import json
import os
import pathlib
import re
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
# Names the fault that a test program turns on.
CHOICE = "PLANTED_FAULT"
# A fault that changes nothing. If a test fails with it, the check would take anything for noticed.
HARMLESS = "nothing is wrong"
CONST_FN = re.compile(r"^( *)((?:pub(?:\([a-z:]+\))? )?)const (fn (\w+)\b.*?^\1\}$)", re.M | re.S)


def main():
    faults = tomllib.loads((HERE / "faults.toml").read_text())["fault"]
    names = [fault["name"] for fault in faults]
    if twice := [name for name, count in collections.Counter(names).items() if count > 1]:
        sys.exit(f"two faults have the same name: {twice}")
    words = sys.argv[1:]
    chosen = [f for f in faults if not words or any(word in " ".join([f["name"], f["file"], f["test"]]) for word in words)]
    if not chosen:
        sys.exit("no fault has such a name")

    started = time.monotonic()
    planted, wrong = plant(faults)
    if wrong:
        sys.exit("\n".join(wrong))
    copy_sources(planted)
    borrow_dependencies()
    programs = build(sorted({program_of(fault) for fault in chosen}))
    built = time.monotonic()
    print(f"{len(programs)} test programs built in {built - started:.0f} s", flush=True)

    wrong += without_fault(programs, chosen)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
        wrong += filter(None, workers.map(lambda fault: with_fault(programs, fault), chosen))
    for complaint in wrong:
        print(complaint, file=sys.stderr)
    print(f"{len(chosen)} faults, {len(wrong)} complaints, {time.monotonic() - built:.0f} s")
    if wrong:
        sys.exit(1)


def program_of(fault):
    return fault["test"].split("::", 1)[0]


def test_of(fault):
    return fault["test"].split("::", 1)[1]


# --- The copy ---

def plant(faults):
    """The texts of the files with all faults in them, and complaints about those that do not apply."""
    wrong, places = [], collections.defaultdict(lambda: collections.defaultdict(list))
    for fault in faults:
        file = ROOT / fault["file"]
        text = file.read_text() if file.is_file() else ""
        if (count := text.count(fault["find"])) != 1:
            wrong.append(f"{fault['name']}: its text is {count} times in {fault['file']}; write the fault again for the present text")
            continue
        start = text.index(fault["find"])
        places[fault["file"]][start, start + len(fault["find"])].append(fault)
    texts = {}
    for file, spans in places.items():
        text = (ROOT / file).read_text()
        before = None
        # From the end, so that the places before it stay where they are.
        for start, end in sorted(spans, reverse=True):
            here = spans[start, end]
            if before is not None and end > before:
                wrong.append(f"{here[0]['name']}: overlaps another fault of {file}; let both find the same text, or less of it")
            before = start
            text = text[:start] + switches(here) + text[end:]
        texts[file] = text
    drop_const(texts)
    return texts, wrong


def switches(faults):
    """What takes the place of a text at which these faults are planted."""
    text = faults[0]["find"]
    for fault in faults:
        # Without a helper: some test programs include a file of `src/` as a module.
        is_on = f'std::env::var_os("{CHOICE}").is_some_and(|fault| fault == {json.dumps(fault["name"], ensure_ascii=False)})'
        if "PLANTED" in fault["replace"]:
            if len(faults) > 1:
                sys.exit(f"{fault['name']}: of several faults at one place, each is an expression")
            text = fault["replace"].replace("PLANTED", is_on)
        else:
            text = f"(if {is_on} {{ {fault['replace']} }} else {{ {text} }})"
    return text


def drop_const(texts):
    """A switch is not a constant, so neither is a function that has one, nor one that calls that."""
    rest = {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "src").rglob("*.rs")}
    dropped = {"env::var_os"}

    def drop(function):
        indent, visibility, text, name = function.groups()
        if not any(re.search(rf"\b{called}\(", text) for called in dropped):
            return function[0]
        dropped.add(name)
        return indent + visibility + text

    before = 0
    while before < len(dropped):
        before = len(dropped)
        for file, text in (rest | texts).items():
            if (changed := CONST_FN.sub(drop, text)) != text:
                texts[file] = changed


def copy_sources(planted):
    """The files as they are now, with the faults. An unchanged one keeps its time, so that a second run builds only what changed."""
    listed = subprocess.check_output(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True)
    wanted = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
    SOURCE.mkdir(parents=True, exist_ok=True)
    for old in SOURCE.rglob("*"):
        if old.is_file() and str(old.relative_to(SOURCE)) not in wanted:
            old.unlink()
    for name in wanted:
        new = planted[name].encode() if name in planted else (ROOT / name).read_bytes()
        file = SOURCE / name
        if not file.is_file() or file.read_bytes() != new:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(new)
            shutil.copymode(ROOT / name, file)


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


def build(programs):
    """Builds these test programs. Their paths, by name."""
    targets = [word for name in programs for word in (["--lib"] if name == "lib" else ["--test", name])]
    done = subprocess.run(
        ["cargo", "test", "--quiet", "--no-run", "--locked", *targets, "--target-dir", BUILD, "--message-format", "json-render-diagnostics"],
        cwd=SOURCE, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    if done.returncode != 0:
        errors = [part for part in done.stderr.split("\n\n") if "error" in part]
        sys.exit("the sources do not compile with the faults in them\n" + "\n\n".join(errors))
    artifacts = [json.loads(line) for line in done.stdout.splitlines()]
    tests = [a for a in artifacts if a.get("executable") and a["profile"]["test"]]
    return {"lib" if "lib" in a["target"]["kind"] else a["target"]["name"]: a["executable"] for a in tests}


# --- The tests ---

def without_fault(programs, faults):
    """Complaints about tests that do not pass when every switch is off."""
    wrong = []
    for program, executable in programs.items():
        tests = sorted({test_of(fault) for fault in faults if program_of(fault) == program})
        passed, _ = run(executable, tests, HARMLESS)
        wrong += [f"{program}::{test} does not pass without a fault, or does not exist" for test in tests if test not in passed]
        print(f"{program}: {len(passed)} of {len(tests)} tests pass without a fault", flush=True)
    return wrong


def with_fault(programs, fault):
    """A complaint, unless the named test fails."""
    begun = time.monotonic()
    test = test_of(fault)
    passed, failed = run(programs[program_of(fault)], [test], fault["name"])
    verdict = "noticed" if test in failed else "NOT NOTICED"
    print(f"  {verdict}: {fault['name']} ({time.monotonic() - begun:.1f} s)", flush=True)
    if test in failed:
        return None
    if test in passed:
        return f"{fault['name']}: {fault['test']} still passes; does another test notice the fault, or none?"
    return f"{fault['name']}: {fault['test']} did not end; let it fail instead"


def run(executable, tests, fault):
    """Runs these tests. Returns those that passed and those that failed; one that never ends is in neither."""
    try:
        done = subprocess.run([executable, "--exact", *tests], cwd=SOURCE, env=ENVIRONMENT | {CHOICE: fault},
                              capture_output=True, text=True, timeout=LONGEST_TEST)
        output = done.stdout
    except subprocess.TimeoutExpired as over:
        output = (over.stdout or b"").decode(errors="replace")
    said = [line.split(" ... ") for line in output.splitlines() if line.startswith("test ") and " ... " in line]
    named = lambda word: {name.removeprefix("test ").removesuffix(" - should panic") for name, end in said if end.startswith(word)}
    return named("ok"), named("FAILED")


if __name__ == "__main__":
    main()
