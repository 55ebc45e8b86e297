"""A running examples/cognito."""

import os
import pathlib
import re
import subprocess
import threading
import time

REASON = re.compile(r'authentication decided .*reason="(\w+)"')


class Service:
    """Starts on a free port, and keeps the reasons that it logs."""

    def __init__(self, binary: pathlib.Path, *flags: str):
        self.process = subprocess.Popen(
            [binary, "--listen", "127.0.0.1:0", *flags],
            env={"PATH": os.environ["PATH"], "RUST_LOG": "info,tower_cognito=debug"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log: list[str] = []
        threading.Thread(target=self._read_log, daemon=True).start()
        ready = self.process.stdout.readline()
        if not ready.startswith("listening on http://127.0.0.1:"):
            self.stop()
            raise RuntimeError(f"the service did not start: {''.join(self.log)}")
        self.url = ready.removeprefix("listening on ").strip()

    def _read_log(self) -> None:
        for line in self.process.stderr:
            self.log.append(line)

    def reasons(self) -> list[str]:
        return [match[1] for line in list(self.log) if (match := REASON.search(line))]

    def next_reason(self, before: int) -> str:
        """The reason that is logged after the first `before` ones. It may come a moment after the answer."""
        for _ in range(100):
            if len(reasons := self.reasons()) > before:
                return reasons[before]
            time.sleep(0.02)
        return "none logged"

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout=10)
