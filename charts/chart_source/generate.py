"""`python -m chart_source.generate [--check]`: write the chart's values.yaml, values.schema.json and README.md.

With `--check` nothing is written, and the exit status is 1 when a file isn't current.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from chart_source.documents import readme, schema_json, values_yaml
from picshapes_crds.generated_files import write_or_check

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
    texts = {options.directory / name: text for name, text in documents().items()}
    return write_or_check(texts, "make chart", check=options.check)


if __name__ == "__main__":
    sys.exit(main())
