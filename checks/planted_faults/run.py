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
import sys
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from switched_copy import ROOT, SwitchedCopy, drop_const, executables, run_tests  # noqa: E402

# A test that hangs has noticed nothing.
LONGEST_TEST = 120
# Names the fault that a test program turns on.
CHOICE = "PLANTED_FAULT"
# A fault that changes nothing. If a test fails with it, the check would take anything for noticed.
HARMLESS = "nothing is wrong"


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
    copy = SwitchedCopy("planted-faults")
    copy.write(planted)
    copy.borrow_dependencies()
    programs = build(copy, sorted({program_of(fault) for fault in chosen}))
    built = time.monotonic()
    print(f"{len(programs)} test programs built in {built - started:.0f} s", flush=True)

    wrong += without_fault(copy, programs, chosen)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
        wrong += filter(None, workers.map(lambda fault: with_fault(copy, programs, fault), chosen))
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
    drop_const(texts, "env::var_os")
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


def build(copy, programs):
    """Builds these test programs. Their paths, by name."""
    targets = [word for name in programs for word in (["--lib"] if name == "lib" else ["--test", name])]
    done = copy.cargo_test(targets, "--locked", "--message-format", "json-render-diagnostics")
    if done.returncode != 0:
        errors = [part for part in done.stderr.split("\n\n") if "error" in part]
        sys.exit("the sources do not compile with the faults in them\n" + "\n\n".join(errors))
    return executables(done.stdout)


# --- The tests ---

def without_fault(copy, programs, faults):
    """Complaints about tests that do not pass when every switch is off."""
    wrong = []
    for program, executable in programs.items():
        tests = sorted({test_of(fault) for fault in faults if program_of(fault) == program})
        passed, _ = run(copy, executable, tests, HARMLESS)
        wrong += [f"{program}::{test} does not pass without a fault, or does not exist" for test in tests if test not in passed]
        print(f"{program}: {len(passed)} of {len(tests)} tests pass without a fault", flush=True)
    return wrong


def with_fault(copy, programs, fault):
    """A complaint, unless the named test fails."""
    begun = time.monotonic()
    test = test_of(fault)
    passed, failed = run(copy, programs[program_of(fault)], [test], fault["name"])
    verdict = "noticed" if test in failed else "NOT NOTICED"
    print(f"  {verdict}: {fault['name']} ({time.monotonic() - begun:.1f} s)", flush=True)
    if test in failed:
        return None
    if test in passed:
        return f"{fault['name']}: {fault['test']} still passes; does another test notice the fault, or none?"
    return f"{fault['name']}: {fault['test']} did not end; let it fail instead"


def run(copy, executable, tests, fault):
    """Runs these tests with the fault turned on."""
    return run_tests(executable, tests, {CHOICE: fault}, copy.source, LONGEST_TEST)


if __name__ == "__main__":
    main()
