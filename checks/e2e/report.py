"""Counts and tells what passed."""

import sys


class Report:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def section(self, title: str) -> None:
        print(f"\n{title}", flush=True)

    def check(self, name: str, found, expected) -> None:
        if found == expected:
            self.passed += 1
            print(f"  ok    {name}", flush=True)
        else:
            self.failed += 1
            print(f"  FAIL  {name}: expected {expected!r}, found {found!r}", flush=True)

    def fail(self, name: str, why: str) -> None:
        self.failed += 1
        print(f"  FAIL  {name}: {why}", flush=True)

    def close(self) -> None:
        """The closing line, and the exit code. A run that checked nothing has failed."""
        print(f"\n{self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(0 if self.passed and not self.failed else 1)
