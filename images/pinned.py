# ruff: noqa: INP001 - a program that the Dockerfile copies alone
"""What an image installs: parts of pyproject.toml, as constraints.txt pins them.

Run by the Dockerfile before anything is installed, so the standard library must do: `python pinned.py WORD…`
prints requirements with their hashes. A word is `project`, an extra, or a package's name, which a `-` before it
leaves out. What these need in turn is pinned by the same file.
"""

import re
import sys
import tomllib
from pathlib import Path

NAME = re.compile(r"[A-Za-z0-9._-]+")
PIN = re.compile(r"^([a-z0-9-]+)==(?:.*\\\n)*.*", re.MULTILINE)  # a line for the version, one for each hash


def pinned(project: str, constraints: str, words: list[str]) -> list[str]:
    """Return each requirement's pins, several where Python's version decides. Raises SystemExit."""
    table = tomllib.loads(project)["project"]
    groups = {"project": table["dependencies"], **table["optional-dependencies"]}
    wanted = [line for word in words if word[0] != "-" for line in groups.get(word, [word])]
    names = {match.group().lower().replace("_", "-") for line in wanted if (match := NAME.match(line))}
    names -= {word[1:] for word in words if word[0] == "-"}
    pins = [(match[1], match[0]) for match in PIN.finditer(constraints)]
    if missing := names - {name for name, _ in pins}:
        raise SystemExit(f"constraints.txt doesn't pin {', '.join(sorted(missing))}: run make lock")
    return [pin for name, pin in pins if name in names]


if __name__ == "__main__":
    lines = pinned(Path("pyproject.toml").read_text(), Path("constraints.txt").read_text(), sys.argv[1:])
    sys.stdout.write("\n".join(lines) + "\n")
