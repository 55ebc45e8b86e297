#!/usr/bin/env python3
"""Who and what is behind the default build: docs/SUPPLY-CHAIN.md, written with `--write`, compared without.

The list of crates is Cargo.lock's, for Linux on x86-64. Why each is there, whose it is and what was looked at stands in
trusted.toml. The check fails for a crate that is not named there, and for one that is named and no longer used: a new dependency
is a decision. Versions are not part of the comparison, so that `cargo update` needs no edit; the page is of the last `--write`.
"""

import json
import pathlib
import re
import subprocess
import sys
import textwrap
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PAGE = ROOT / "docs" / "SUPPLY-CHAIN.md"


def output(*command):
    return subprocess.check_output(command, cwd=ROOT, text=True)


def unsafe_lines(folder):
    """Lines of src/ with the keyword, without comments. A measure of where to look, not of danger."""
    count = 0
    for path in (folder / "src").rglob("*.rs"):
        for line in path.read_text(errors="replace").splitlines():
            code = re.sub(r"//.*|\"[^\"]*\"", "", line)
            if re.search(r"\bunsafe\b", code) and "forbid(unsafe" not in code and "deny(unsafe" not in code:
                count += 1
    return count


trusted = tomllib.loads((HERE / "trusted.toml").read_text())
packages = json.loads(output("cargo", "metadata", "--format-version", "1", "--locked", "--all-features"))["packages"]
by_id = {(package["name"], package["version"]): package for package in packages}


def tree(edges):
    lines = output("cargo", "tree", "--locked", "--edges", edges, "--target", "x86_64-unknown-linux-gnu", "--prefix", "none",
                   "--format", "{p}").splitlines()
    return {(name, version.removeprefix("v")) for name, version, *_ in map(str.split, lines) if name != "tower-cognito"}


everything = tree("normal,build")
linked = {crate for crate in tree("normal,no-proc-macro")}
reasons = {name: group for group in trusted["group"] for name in group["crates"]}
names = {name for name, _ in everything}
problems = [f"{name} is a new dependency: name it in trusted.toml, with a reason" for name in sorted(names - set(reasons))]
problems += [f"{name} is not a dependency any more: remove it from trusted.toml" for name in sorted(set(reasons) - names)]

lines = []
for group in trusted["group"]:
    lines += [f"### {group['name']}", "", *textwrap.wrap(f"{group['why']} Maintainers: {group['maintainers']}. {group['looked_at']}", 116), "",
              "| crate | version | licence | in the program | `unsafe` lines | build script |", "| --- | --- | --- | --- | --- | --- |"]
    for name, version in sorted(everything):
        if reasons.get(name) is not group:
            continue
        package = by_id[name, version]
        folder = pathlib.Path(package["manifest_path"]).parent
        scripts = any("custom-build" in target["kind"] for target in package["targets"])
        lines.append(f"| {name} | {version} | {package['license']} | {'yes' if (name, version) in linked else 'build only'} "
                     f"| {unsafe_lines(folder)} | {'yes' if scripts else 'no'} |")
    lines.append("")

head = (HERE / "head.md").read_text()
page = head.replace("COUNT", str(len(everything))).replace("LINKED", str(len(linked))) + "\n" + "\n".join(lines).rstrip() + "\n"
if "--write" in sys.argv:
    PAGE.write_text(page)
elif not PAGE.is_file() or re.findall(r"^\| ([a-z0-9_-]+) \| ", PAGE.read_text(), re.M) != re.findall(r"^\| ([a-z0-9_-]+) \| ", page, re.M):
    problems.append("docs/SUPPLY-CHAIN.md lists other crates: checks/supply_chain/run.py --write")
for problem in problems:
    print(problem, file=sys.stderr)
print(f"{len(everything)} crates in the default build, {len(linked)} of them in the program")
sys.exit(bool(problems))
