#!/usr/bin/env python3
"""Fails on words that read as translated, and on lines that are too wide.

`checks/prose.py` checks every tracked file; `checks/prose.py PATH…` only those.
Code is not prose: a line of Rust, Python or shell counts by its comments and by
the strings in it, Markdown counts outside fenced blocks and `code`. Of the Rust
that the documentation shows, the width counts.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMENT_WIDTH = 100
MARKDOWN_WIDTH = 120
# More is cut off on a page of rustdoc.
SHOWN_WIDTH = 95

# What a native technical writer would not write, and what to write instead.
WORDS = [
    (r"(?<!there )\b(is|are|was|were) no (?!(longer|more|less|greater|earlier|later|other|different)\b)[a-z]", "is not an X"),
    (r"\bbe had\b", "is available, is unavailable"),
    (r"\boutside of\b", "outside"),
    (r"\bbeneath\b", "inside (of layers), below (of text)"),
    (r"\bbut for\b", "except"),
    (r"\bmend(s|ed|ing)?\b", "fix"),
    (r"\banew\b", "again"),
    (r"\b(whoever|nobody|somebody)\b", "the caller, or the name of the role"),
    (r"\bof (its|one's|their|his|your|our) own\b", "its own, your own"),
    (r"\bin earnest\b|\bbe it\b", "(leave out)"),
    (r"\b(is|are|was|were) told\b|\bwhat they say\b|\b(is|are) asked for\b", "name the thing"),
    (r"\bstand(s|ing)? (in|inside|outside|beside|behind|before)\b", "is in, wraps"),
    (r"\blet(s|ting)? (in|through)\b", "accept, pass"),
    (r"\b(hand|hands|handed) (in|out|over|to)\b", "pass, give"),
    (r"\b(carry|carries|carried) out\b", "run"),
    (r"\b(take|takes|taken) in\b", "read"),
    (r"\b(reply|replies)\b", "response"),
    (r"\b(is|are|was|were|be) looked at\b", "is checked, is read"),
    (r"\ball the same\b", "anyway, still"),
    (r"\btaken? for (a|an|the|absent|either|none|one)\b", "is mistaken for, counts as"),
    (r"\b(told|kept) apart\b", "is distinct, is distinguished"),
    (r"\bat the most\b", "at most"),
    (r"\brefus(e|es|ing)\b(?! the connection)", "reject (a TCP connection is refused)"),
]
WORDS = [(re.compile(pattern, re.IGNORECASE), instead) for pattern, instead in WORDS]

# Texts of others, recorded data, generated files, and lists of names from the code.
SKIPPED = re.compile(r"^(fixtures/|LICENSE|Cargo\.lock|docs/.*\.svg|checks/prose\.py|checks/mutants/explained\.toml|.*listing\.txt|.*\.stderr)")

RUST_COMMENT = re.compile(r"//[/!]?\s?(.*)$")
HASH_COMMENT = re.compile(r"(?:^|\s)#(?!\[)\s?(.*)$")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
CODE = re.compile(r"`[^`]*`")
DOC_COMMENT = re.compile(r"\s*//[/!] ?")
UNBREAKABLE = re.compile(r"`[^`]*`[.,:;]?")


def prose_of(path, lines):
    """The number and the prose of each line that has some, and whether its width counts."""
    fenced = False
    for number, line in enumerate(lines, 1):
        prefix = DOC_COMMENT.match(line) if path.suffix == ".rs" else None
        shown = line[prefix.end() :] if prefix else line
        if fenced in {"", "rust", "no_run"} and (prefix or path.suffix == ".md") and not re.match(r"\s*# |```", shown):
            # Nothing else of it counts. A block without a language is Rust in a doc comment only.
            if fenced or prefix:
                yield number, "", SHOWN_WIDTH + len(line) - len(shown)
        if path.suffix == ".md":
            if line.lstrip().startswith("```"):
                fenced = False if fenced is not False else re.split(r"[,\s]", line.strip()[3:])[0]
                continue
            if fenced is False:
                # A table row or a link cannot be broken.
                counts = not line.lstrip().startswith("|") and "](" not in line and "://" not in line
                yield number, line, MARKDOWN_WIDTH if counts else None
        elif path.suffix == ".rs":
            comment = RUST_COMMENT.search(STRING.sub('""', line))
            whole = line.lstrip().startswith("//")
            if whole and line.lstrip("/! ").startswith("```"):
                fenced = False if fenced is not False else re.split(r"[,\s]", line.lstrip("/! ").strip()[3:])[0]
                continue
            bare = line.lstrip("/! ")
            # One code span, a table row or a link cannot be broken.
            table = whole and (bare.startswith("|") or "](" in line or "://" in line or UNBREAKABLE.fullmatch(bare))
            # A string without a blank is a name or a value.
            sentences = (string for string in STRING.findall(line) if " " in string)
            text = " ".join(sentences) + " " + (comment.group(1) if comment else "")
            yield number, text, COMMENT_WIDTH if whole and not table and fenced is False else None
        elif path.suffix in {".py", ".sh", ".toml", ".mjs"} or path.name in {"justfile", "run"}:
            comment = HASH_COMMENT.search(line)
            yield number, (comment.group(1) if comment else "") + " " + " ".join(STRING.findall(line)), None


def main(arguments):
    listed = subprocess.run(["git", "ls-files", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    found = 0
    for name in listed.stdout.split():
        path = ROOT / name
        if SKIPPED.match(name) or not path.is_file():
            continue
        try:
            lines = path.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        for number, text, width in prose_of(path, lines):
            plain = CODE.sub("``", text)
            for pattern, instead in WORDS:
                for match in pattern.finditer(plain):
                    found += 1
                    print(f"{name}:{number}: “{match.group(0)}”: write: {instead}")
            if width and len(lines[number - 1]) > width:
                found += 1
                print(f"{name}:{number}: {len(lines[number - 1])} columns, {width} at most")
    print(f"prose: {found} found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
