"""`python -m chart_source.generate [--check]`: write the chart's values.yaml, values.schema.json and README.md.

With `--check` nothing is written, and the exit status is 1 when a file isn't current.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from chart_source.documents import readme, schema_json, values_yaml

CHART: Final = Path(__file__).parent.parent / "picshapes"


def documents() -> dict[str, str]:
    """Return the text of each generated file, by the file's name."""
    return {"values.yaml": values_yaml(), "values.schema.json": schema_json(), "README.md": readme()}


def main(arguments: list[str] | None = None) -> int:
    """Write or check the files; return the exit status."""
    parser = argparse.ArgumentParser(prog="chart_source.generate", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail when a file isn't current")
    parser.add_argument("directory", nargs="?", type=Path, default=CHART)
    options = parser.parse_args(arguments)
    stale = []
    for name, text in documents().items():
        path = options.directory / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not options.check:
            path.write_text(text, encoding="utf-8")
    if stale and options.check:
        sys.stderr.write(f"not current: {', '.join(stale)}; run `make chart`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
