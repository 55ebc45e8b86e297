#!/usr/bin/env python3
"""Runs the tests against every mutant that cargo-mutants makes of `src/`.

cargo-mutants lists the mutants. All are planted in one copy of the sources, each behind a switch, so that the copy is built once. Every
test runs once to record which mutants it reaches; then each mutant runs against the tests that reach it, until one fails.

The run fails for a missed mutant that `explained.toml` does not explain, and for an explanation of a mutant that a test notices or that
no longer exists.

    checks/mutants/run.py            all of them
    checks/mutants/run.py WORD ...   those whose name contains one of the words
    checks/mutants/run.py --missed   those that the last run did not notice and that are not explained
"""

import collections
import concurrent.futures
import itertools
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from plant import Planter, Regions  # noqa: E402
from switched_copy import ENVIRONMENT, ROOT, SwitchedCopy, drop_const, executables  # noqa: E402

COPY = SwitchedCopy("mutants")
STATE = COPY.source.parent
RESULTS = STATE / "results.json"
# Many tests wait for a socket or a time-out most of the time.
WORKERS = 2 * os.cpu_count()
# A test that takes longer than this and ten times what it takes without a mutant has hung.
LONGEST = 15
# A test that takes longer comes last, and does not run against mutants that are explained: each of those would take minutes.
QUICK = 4
# Each run of tests is larger than the one before: most mutants fail one of the first.
BATCHES = [4, 16, 64, 256]
SURROUNDINGS = ENVIRONMENT | {
    # Set by cargo; a test reads it.
    "CARGO_PKG_NAME": "tower-cognito",
    # A recorded seed of a failure would notice other mutants.
    "PROPTEST_DISABLE_FAILURE_PERSISTENCE": "true",
    # No one reads the smallest counterexample.
    "PROPTEST_MAX_SHRINK_ITERS": "0",
    "RUST_BACKTRACE": "0",
}
READS_SOURCE = re.compile(r'(include_str!\("(?:\.\./)+)src/')


def main():
    mutants = listed()
    programs, dropped = build(mutants)
    planted = [m for m in mutants if m["number"] not in dropped]
    print(f"{len(mutants)} mutants, {len(planted)} planted: {dict(collections.Counter(dropped.values()))}", flush=True)
    tests = trace(programs)
    words = sys.argv[1:]
    earlier = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if words == ["--missed"]:
        # What is explained takes longest: every test runs against it.
        chosen = [m for m in planted if earlier.get(m["id"], "missed") in ("missed", "unreached") and m["id"] not in explained()]
    else:
        chosen = [m for m in planted if not words or any(word in m["id"] for word in words)]
    results = {m["id"]: dropped[m["number"]] for m in mutants if m["number"] in dropped}
    if words == ["--missed"]:
        results |= {m["id"]: earlier.get(m["id"], "missed") for m in planted if m["id"] in earlier or m["id"] in explained()}
    attack(programs, tests, chosen, results)
    report(results, whole=not words or words == ["--missed"])


def listed():
    """The mutants, numbered. An `id` has no line, so that it outlives changes around it."""
    mutants = json.loads(subprocess.check_output(["cargo", "mutants", "--list", "--json", "--no-config"], cwd=ROOT))
    seen = collections.Counter()
    for number, mutant in enumerate(mutants, 1):
        name = mutant["name"].split(": ", 1)[1]
        if not mutant["function"]:
            line = (ROOT / mutant["file"]).read_text().splitlines()[mutant["span"]["start"]["line"] - 1]
            name += " in " + re.search(r"const (\w+)", line)[1]
        mutant["number"] = number
        mutant["id"] = f"{mutant['file']}: {name}"
        seen[mutant["id"]] += 1
        if seen[mutant["id"]] > 1:
            mutant["id"] += f" #{seen[mutant['id']]}"
    return mutants


# --- The copy ---

def build(mutants):
    """Builds the copy without the mutants that do not compile. The test programs, and why each mutant is not among them."""
    by_file = collections.defaultdict(list)
    for mutant in mutants:
        by_file[mutant["file"]].append(mutant)
    planters = [Planter(file, (ROOT / file).read_text(), inside) for file, inside in by_file.items()]
    dropped = {number: why for planter in planters for number, why in planter.wrong.items()}
    for planter in planters:
        for name, inside in planter.constants.items():
            users = [user for user in planters if user is planter or re.search(rf"\buse [^;]*\b{name}\b", user.text)]
            planted = set().union(*(user.use_constants({name: inside}) for user in users))
            dropped |= {mutant["number"]: "constant" for mutant in inside if mutant["number"] not in planted}
    kept = set()
    while True:
        regions = write(planters, dropped, kept)
        COPY.borrow_dependencies()
        # The library first: what does not compile fails there, before anything else is built.
        for targets in [["--lib"], ["--tests"]]:
            done = COPY.cargo_test(targets, "--offline", "--message-format", "json")
            if done.returncode != 0:
                break
        else:
            return executables(done.stdout), dropped
        before = len(dropped) + len(kept)
        errors = [json.loads(line)["message"] for line in done.stdout.splitlines() if '"level":"error"' in line]
        for error in errors:
            blame(error, planters, regions, dropped, kept)
        print(f"{len(errors)} errors, {len(dropped)} mutants dropped", flush=True)
        if len(dropped) + len(kept) == before:
            sys.exit("the copy does not compile\n" + "\n".join(error["rendered"] for error in errors) + done.stderr)


def write(planters, dropped, kept):
    """Writes the copy. Where its mutants are, by file."""
    marked = {planter.path: planter.planted(dropped) for planter in planters}
    drop_const(marked, "mutant_switch::on", kept)
    regions = {file: Regions(text) for file, text in marked.items()}
    manifest = (ROOT / "Cargo.toml").read_text()
    # Some tests read sources, and would not recognize them with mutants inside.
    tests = {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "tests").rglob("*.rs")}
    reading = {file: READS_SOURCE.sub(r"\1unplanted/src/", text) for file, text in tests.items() if READS_SOURCE.search(text)}
    unplanted = {"unplanted/" + str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "src").rglob("*.rs")}
    COPY.write({file: region.text for file, region in regions.items()} | reading | unplanted | {
        "Cargo.toml": manifest.replace("[dependencies]\n", '[dependencies]\nmutant-switch = { path = "mutant-switch" }\n', 1),
        "mutant-switch/Cargo.toml": '[package]\nname = "mutant-switch"\nedition = "2024"\n',
        "mutant-switch/src/lib.rs": (HERE / "switch.rs").read_text(),
    })
    return regions


def blame(error, planters, regions, dropped, kept):
    """Drops the mutants that this error of the compiler is about."""
    code = (error["code"] or {}).get("code")
    planters = {planter.path: planter for planter in planters}
    spans = sorted((span for span in error["spans"]), key=lambda span: not span["is_primary"])
    places = [(file, span) for span in spans if (file := re.sub(r".*\.\./", "", span["file_name"])) in regions]
    if code == "E0015" and (called := re.search(r"non-const .*`(?:.*::)?(\w+)", error["message"])) and called[1] != "on":
        # Something that must be a constant calls this function, which then has no switches.
        name = called[1]
        kept.add(name)
        for planter in planters.values():
            for number in planter.inside(name):
                dropped.setdefault(number, "constant")
        return
    if code == "E0004":
        # An arm with a guard does not count as one of the arms that are needed; nor does one that is deleted.
        for file, span in places:
            around = regions[file].touching(*regions[file].match_around(span["byte_start"]))
            for mutant in planters[file].mutants:
                if mutant["number"] in around and mutant["genre"] == "MatchArm":
                    dropped.setdefault(mutant["number"], "unviable")
        return
    for file, span in places:
        if inside := regions[file].innermost(span["byte_start"], span["byte_end"]):
            for number in inside:
                dropped.setdefault(number, "constant" if code == "E0015" else "unviable" if len(inside) == 1 else "no switch")
            return
    for file, span in places:
        if around := regions[file].touching(span["byte_start"], span["byte_end"]):
            print(f"near {around}: {error['rendered']}", flush=True)
            for number in around:
                dropped.setdefault(number, "no switch")
            return
    # The signature of a function is blamed for what its body returns instead.
    for file, span in places:
        for number in planters[file].returned_at(regions[file].line(span["byte_start"])):
            dropped.setdefault(number, "unviable")


# --- The tests ---

def trace(programs):
    """The tests that pass without a mutant: how long each takes, and the mutants it reaches."""
    names = []
    for program, executable in sorted(programs.items()):
        listed = subprocess.check_output([executable, "--list", "--format", "terse"], cwd=COPY.source, text=True)
        names += [(program, line.removesuffix(": test")) for line in listed.splitlines() if line.endswith(": test")]
    traces = STATE / "traces"
    traces.mkdir(exist_ok=True)

    def one(number, program, name):
        file = traces / str(number)
        file.unlink(missing_ok=True)
        ended, took = run(programs[program], [name], {"MUTANT_TRACE": str(file)}, 300)
        if ended == "passed":
            reached = {int(line) for line in file.read_text().split()} if file.exists() else set()
            return (program, name), (took, reached)
        print(f"{program}::{name} {ended} without a mutant", flush=True)
        return (program, name), None

    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as workers:
        tests = dict(workers.map(lambda one_of: one(one_of[0], *one_of[1]), enumerate(names)))
    tests = {test: seen for test, seen in tests.items() if seen}
    slow = sum(took > QUICK for took, _ in tests.values())
    print(f"{len(tests)} of {len(names)} tests traced in {time.monotonic() - begun:.0f} s, {slow} of them slow", flush=True)
    return tests


def attack(programs, tests, mutants, results):
    """Adds what became of each mutant, by id: the test that noticed it, `timeout`, `missed`, or `unreached`."""
    reaching = collections.defaultdict(list)
    for test, (_, reached) in tests.items():
        for number in reached:
            reaching[number].append(test)
    reasons = explained()
    # What noticed a mutant of a function is likely to notice the next one.
    successes = collections.defaultdict(collections.Counter)
    done, lock, begun = itertools.count(1), threading.Lock(), time.monotonic()

    def one(mutant):
        function = mutant["file"], (mutant["function"] or {}).get("function_name")
        earlier = successes[function]
        # Quick tests, and those that are about little else.
        reached_by = reaching[mutant["number"]]
        is_slow = lambda test: tests[test][0] > QUICK
        if mutant["id"] in reasons:
            reached_by = [test for test in reached_by if not is_slow(test)]
        order = sorted(reached_by, key=lambda test: (is_slow(test), -earlier[test], tests[test][0] * len(tests[test][1])))
        result = "missed" if order else "unreached"
        for batch in batches(order):
            for program, names in batch.items():
                usual = sum(tests[program, name][0] for name in names)
                ended, _, failed = run(programs[program], names, {"MUTANT": str(mutant["number"])}, LONGEST + 10 * usual, True)
                if ended != "passed":
                    result = "timeout" if ended == "timeout" else f"noticed by {program}::{failed}"
                    with lock:
                        earlier[program, failed] += 1
                    break
            if result != "missed":
                break
        with lock:
            results[mutant["id"]] = result
            number = next(done)
            if result in ("missed", "unreached", "timeout") or number % 100 == 0:
                print(f"  {number} in {time.monotonic() - begun:.0f} s: {result}: {mutant['id']}", flush=True)
            if number % 100 == 0 or number == len(mutants):
                RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True))

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as workers:
        list(workers.map(one, mutants))


def batches(order):
    """The tests in batches, each by program."""
    at = 0
    for size in [*BATCHES, len(order)]:
        batch = collections.defaultdict(list)
        for program, name in order[at : at + size]:
            batch[program].append(name)
        if batch:
            yield batch
        at += size


def run(executable, tests, environment, longest, name_failed=False):
    """How a run of these tests ended, how long it took, and which failed first."""
    begun = time.monotonic()
    process = subprocess.Popen(
        [executable, "--exact", *tests], cwd=COPY.source, env=SURROUNDINGS | environment, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=longest)
        ended = "passed" if process.returncode == 0 else "failed"
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        ended = "timeout"
    took = time.monotonic() - begun
    if not name_failed:
        return ended, took
    failed = re.search(r"^test (\S+)(?: - should panic)? \.\.\. FAILED", output, re.M)
    return ended, took, failed[1] if failed else tests[0]


# --- The report ---

def explained():
    """The reasons in `explained.toml`, by the id of the mutant."""
    groups = tomllib.loads((HERE / "explained.toml").read_text())["explained"]
    return {name: group["reason"] for group in groups for name in group["mutants"]}


def report(results, whole):
    """Numbers by directory, and complaints."""
    reasons = explained()
    kinds = ["noticed", "timeout", "explained", "missed", "unviable"]
    table = collections.defaultdict(collections.Counter)
    wrong = []
    for name, result in sorted(results.items()):
        kind = result.split(" by ")[0]
        if kind in ("missed", "unreached", "constant", "no switch"):
            kind = "explained" if name in reasons else "missed"
            if kind == "missed":
                wrong.append(f"{result}: {name}")
        elif kind == "noticed" and name in reasons:
            wrong.append(f"explained, but {result}: {name}")
        parts = name.split(":")[0].split("/")
        table[f"src/{parts[1]}/" if len(parts) > 2 else "src/*.rs"][kind] += 1
    if whole:
        wrong += [f"explained, but does not exist: {name}" for name in reasons if name not in results]
    print("| directory | mutants | " + " | ".join(kinds) + " |\n|" + " --- |" * (len(kinds) + 2))
    table["all"] = sum(table.values(), collections.Counter())
    for directory, counts in sorted(table.items(), key=lambda row: (row[0] == "all", row[0])):
        print(f"| {directory} | {sum(counts.values())} | " + " | ".join(str(counts[kind]) for kind in kinds) + " |")
    print("\n".join(wrong))
    if wrong:
        sys.exit(f"{len(wrong)} complaints")


if __name__ == "__main__":
    main()
