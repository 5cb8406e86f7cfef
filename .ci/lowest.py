"""Print a pip constraint for each dependency: the lowest version that pyproject.toml allows.

`make lowest` installs these and runs the tests. Arguments such as ``torch==2.13.0`` replace a
line, for machines where pip cannot take the lowest one.
"""

import re
import sys
import tomllib
from pathlib import Path

TOOLS = {"test", "lint", "docs", "bench"}  # no user installs these
LOWEST = re.compile(r"(?P<name>[\w.-]+)(?:\[[\w,]+\])?>=(?P<version>[\w.]+)")


def main() -> None:
    """Print the constraints."""
    document = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))
    project = document["project"]
    extras = [
        line
        for name, lines in project["optional-dependencies"].items()
        if name not in TOOLS
        for line in lines
    ]

    pins = {}
    for line in project["dependencies"] + extras:
        if line.startswith(project["name"]):  # an extra that consists of others
            continue
        match = LOWEST.match(line)
        if match is None:
            raise SystemExit(f"pyproject.toml: {line!r} has no lower bound: write name>=version")
        pins[match["name"]] = match["version"]
    pins |= (argument.split("==") for argument in sys.argv[1:])
    print(*(f"{name}=={version}" for name, version in pins.items()), sep="\n")


if __name__ == "__main__":
    main()
