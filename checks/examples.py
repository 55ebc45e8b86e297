#!/usr/bin/env python3
"""Starts each example and does what its one line says: the line must work when it is pasted."""

import json
import pathlib
import re
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parents[1]
SECONDS = 30

# The statuses that the pasted lines must print, in order. `quickstart` prints several lines that belong together.
EXPECTED = {
    "axum_scopes": [200],
    "health": [200],
    "multi_pool": [200, 200],
    "quickstart": [401, 200, 403],
    "report_only_rollout": [200, 200],
    "service_to_service": [200],
    "example-hyper": [200],
    "example-mcp": [401],
    "example-metrics": [401, 200],
    "example-openapi": [200],
}


def build():
    """The path of each program, by its name."""
    packages = [name for name in EXPECTED if name.startswith("example-")]
    printed = output(ROOT / "checks/programs.sh", *packages)
    paths = dict(zip(packages, printed.splitlines(), strict=True))
    for line in output("cargo", "build", "--quiet", "--message-format=json-render-diagnostics", "--examples").splitlines():
        message = json.loads(line)
        if message.get("executable"):
            paths[message["target"]["name"]] = message["executable"]
    return paths


def output(*command):
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def lines_to_try(process, name):
    """What the example prints for its reader, as one script."""
    lines, wanted = [], len(EXPECTED[name]) if name in ("multi_pool", "quickstart") else 1
    for line in process.stdout:
        if line.startswith("http"):
            return f"curl -is {line.split()[0]}"
        if re.match(r"(curl|TOKEN=|AUTH=|  )", line):
            lines.append(line.replace("curl -i ", "curl -is "))
        if sum(line.startswith("curl") for line in lines) == wanted:
            return "".join(lines)
    raise RuntimeError(f"{name} ended before it printed what to try")


def statuses(path, name):
    process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    stop = threading.Timer(SECONDS, process.kill)
    stop.start()
    try:
        script = lines_to_try(process, name)
        printed = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=SECONDS).stdout
    finally:
        stop.cancel()
        process.kill()
        process.wait()
    unfinished = [text for text in re.split(r"(?m)^HTTP/", printed)[1:] if not text.endswith("\n")]
    if unfinished:
        raise RuntimeError(f"{name} leaves the prompt on the line of a response: {unfinished}")
    return [int(status) for status in re.findall(r"^HTTP/\S+ (\d+)", printed, re.MULTILINE)]


def main():
    paths = build()
    failed = False
    for name, expected in EXPECTED.items():
        try:
            found = statuses(paths[name], name)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            found = str(error)
        print(f"{name}: {found}", "" if found == expected else f"expected {expected}")
        failed |= found != expected
    sys.exit(failed)


main()
