"""A copy of the sources in which switches turn changes on, one at a time, so that the copy is built once.

`planted_faults/run.py` and `mutants/run.py` share it. `target/NAME/source` is the copy, `target/NAME/build` what is built of it.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
# These programs are not debugged, and debug information is most of what is written and linked. Dependencies have none anyway.
ENVIRONMENT = os.environ | {"CARGO_PROFILE_DEV_DEBUG": "0", "CARGO_TERM_COLOR": "never"}
CONST_FN = re.compile(r"^( *)((?:pub(?:\([a-z:]+\))? )?)const (fn (\w+)\b.*?^\1\}$)", re.M | re.S)


class SwitchedCopy:
    """The copy `target/NAME`."""

    def __init__(self, name):
        self.source = ROOT / "target" / name / "source"
        self.target = ROOT / "target" / name / "build"

    def write(self, changed):
        """The files as they are now, with `changed` (text by path) among them. An unchanged one keeps its time, so that a second
        run builds only what changed."""
        listed = subprocess.check_output(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True)
        wanted = {name for name in listed.split("\0") if name and (ROOT / name).is_file()} | changed.keys()
        self.source.mkdir(parents=True, exist_ok=True)
        for old in self.source.rglob("*"):
            if old.is_file() and str(old.relative_to(self.source)) not in wanted:
                old.unlink()
        for name in wanted:
            new = changed[name].encode() if name in changed else (ROOT / name).read_bytes()
            file = self.source / name
            if not file.is_file() or file.read_bytes() != new:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(new)
                if (ROOT / name).is_file():
                    shutil.copymode(ROOT / name, file)

    def borrow_dependencies(self):
        """Links what `cargo test` has built of other people's crates, so that they are not built once more."""
        theirs = ROOT / "target" / "debug"
        ours = self.target / "debug"
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

    def cargo_test(self, targets, *arguments):
        """Builds test programs. Returns cargo's process, ended."""
        return subprocess.run(
            ["cargo", "test", "--quiet", "--no-run", *targets, "--target-dir", self.target, *arguments],
            cwd=self.source, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )


def executables(messages):
    """The paths of the test programs in cargo's messages, by name."""
    artifacts = [json.loads(line) for line in messages.splitlines() if line.startswith("{")]
    tests = [a for a in artifacts if a.get("executable") and a["profile"]["test"]]
    return {"lib" if "lib" in a["target"]["kind"] else a["target"]["name"]: a["executable"] for a in tests}


def drop_const(texts, switch, kept=()):
    """A switch is not a constant, so neither is a function that calls it, nor one that calls that. Changes `texts` of `src/`, except
    the functions whose names are in `kept`."""
    rest = {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "src").rglob("*.rs")}
    dropped = {switch}

    def drop(function):
        indent, visibility, text, name = function.groups()
        if name in kept or not any(re.search(rf"\b{called}\(", text) for called in dropped):
            return function[0]
        dropped.add(name)
        return indent + visibility + text

    before = 0
    while before < len(dropped):
        before = len(dropped)
        for file, text in (rest | texts).items():
            if (changed := CONST_FN.sub(drop, text)) != text:
                texts[file] = changed


def run_tests(executable, tests, environment, cwd, longest):
    """Runs these tests. Returns those that passed and those that failed; one that never ends is in neither."""
    try:
        done = subprocess.run([executable, "--exact", *tests], cwd=cwd, env=ENVIRONMENT | environment,
                              capture_output=True, text=True, timeout=longest)
        output = done.stdout
    except subprocess.TimeoutExpired as over:
        output = (over.stdout or b"").decode(errors="replace")
    said = [line.split(" ... ") for line in output.splitlines() if line.startswith("test ") and " ... " in line]
    named = lambda word: {name.removeprefix("test ").removesuffix(" - should panic") for name, end in said if end.startswith(word)}
    return named("ok"), named("FAILED")
