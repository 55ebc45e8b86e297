"""The blocks of a document, and a shell to run them in as a reader would: one after another, in one session."""

import os
import pathlib
import queue
import re
import signal
import subprocess
import threading
import time

BLOCK = re.compile(r"<!-- e2e: (?P<name>[\w-]+) -->\n```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


class Document:
    """A Markdown file whose blocks are marked by a comment `<!-- e2e: NAME -->` on the line before."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        self.text = path.read_text()
        blocks = [match.groupdict() for match in BLOCK.finditer(self.text)]
        if len(blocks) != self.text.count("<!-- e2e:"):
            raise ValueError(f"{path}: a marker is not followed by a block")
        if len({block["name"] for block in blocks}) != len(blocks):
            raise ValueError(f"{path}: two blocks have one name")
        # `NAME-prints` is what the block NAME prints.
        self.commands = {block["name"]: block["text"] for block in blocks if block["language"] == "sh"}
        self.prints = {block["name"]: block["text"] for block in blocks if block["language"] == "text"}
        for name in self.prints:
            if name.removesuffix("-prints") not in self.commands:
                raise ValueError(f"{path}: nothing prints {name}")

    def expected(self, name: str) -> list[str]:
        return [line for line in self.prints.get(f"{name}-prints", "").splitlines() if line]

    def table(self, heading: str) -> list[list[str]]:
        """The cells of the first table below a heading, without its head."""
        below = self.text.split(f"\n{heading}\n", 1)[1]
        lines = below[below.index("\n|") :].strip().splitlines()
        rows = []
        for line in lines:
            if not line.startswith("|"):
                break
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
        return rows[2:]


def missing_line(expected: list[str], printed: str) -> str | None:
    """The first expected line that was not printed in its turn. `…` stands for anything."""
    remaining = iter(printed.splitlines())
    for line in expected:
        pattern = re.compile(".*".join(re.escape(part) for part in line.split("…")))
        if not any(pattern.fullmatch(candidate.rstrip()) for candidate in remaining):
            return line
    return None


class ShellFailed(Exception):
    """A command of a block failed, or took too long."""


class Shell:
    """A POSIX shell that stops at the first command that fails. It leads a process group with all that it starts."""

    def __init__(self, directory: pathlib.Path, environment: dict[str, str], replace: dict[str, str]):
        self.replace = replace
        self.scratch = pathlib.Path(environment["TMPDIR"])
        self.count = 0
        self.process = subprocess.Popen(
            ["sh", "-e"],
            cwd=directory,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def run(self, commands: str, seconds: float = 120) -> str:
        """What the commands print. Background processes go on."""
        for documented, actual in self.replace.items():
            commands = commands.replace(documented, actual)
        self.count += 1
        script = self.scratch / f"block-{self.count}.sh"
        script.write_text(commands)
        end = f"--- block {self.count} ended ---"
        self.process.stdin.write(f". '{script}' < /dev/null\nprintf '\\n%s\\n' '{end}'\n")
        self.process.stdin.flush()
        printed = []
        deadline = time.monotonic() + seconds
        while True:
            try:
                line = self.lines.get(timeout=0.2)
            except queue.Empty:
                # What runs in the background keeps the output open after the shell has gone.
                if self.process.poll() is not None:
                    raise ShellFailed(f"a command failed; printed:\n{''.join(printed)}") from None
                if time.monotonic() > deadline:
                    raise ShellFailed(f"still running after {seconds:.0f} s; printed:\n{''.join(printed)}") from None
                continue
            if line is None:
                raise ShellFailed(f"a command failed; printed:\n{''.join(printed)}")
            if line.strip() == end:
                return "".join(printed)
            printed.append(line)

    def variable(self, name: str) -> str:
        value = self.run(f'printf \'%s\' "${name}"\n').strip()
        if not value:
            raise ShellFailed(f"{name} is not set")
        return value

    def stop(self) -> None:
        """Ends the shell and all that it started and left."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                break
            time.sleep(0.5)
        self.process.wait(timeout=10)
