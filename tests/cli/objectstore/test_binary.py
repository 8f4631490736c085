"""The search for versitygw, with programs that only say a version; the build, with a `go` that writes files."""

from pathlib import Path

import pytest

from picshapes_cli.controlplane.errors import BuildFailedError
from picshapes_cli.controlplane.progress import BuildProgress
from picshapes_cli.objectstore.binary import ensure_versitygw

# Counts its builds in $LOG; with $FAIL it fails.
FAKE_GO = """#!/bin/sh
case $1 in
version) echo "go version go1.26.8 linux/amd64" ;;
list) echo "package:runtime" ;;
build)
  echo "$@" >> "$LOG"
  if [ -n "$FAIL" ]; then echo "it broke"; exit 1; fi
  while [ "$1" != "-o" ]; do shift; done
  echo "#!/bin/sh" > "$2versitygw"
  chmod +x "$2versitygw"
  ;;
esac
"""


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)
    return path


def building_env(tmp_path: Path, **more: str) -> dict[str, str]:
    program(tmp_path / "go-bin" / "go", FAKE_GO)
    path = f"{tmp_path / 'go-bin'}:/usr/bin:/bin"
    return {"PATH": path, "XDG_CACHE_HOME": str(tmp_path), "LOG": str(tmp_path / "builds"), **more}


def quiet(_event: BuildProgress) -> None:
    pass


def cached(tmp_path: Path) -> Path:
    return tmp_path / "picshapes" / "object-store" / "v1.8.0" / "versitygw"


def test_what_is_missing_is_built_once_of_the_pinned_version_and_kept(tmp_path: Path) -> None:
    env = building_env(tmp_path)

    assert ensure_versitygw(quiet, env=env) == cached(tmp_path)
    assert ensure_versitygw(quiet, env=env) == cached(tmp_path)
    (build,) = (tmp_path / "builds").read_text().splitlines()
    assert "-X main.Version=v1.8.0" in build
    assert build.endswith(" github.com/versity/versitygw/cmd/versitygw")


def test_a_failed_build_leaves_nothing_in_the_cache_and_names_the_program(tmp_path: Path) -> None:
    with pytest.raises(BuildFailedError, match=r"(?s)Building versitygw failed.*it broke"):
        ensure_versitygw(quiet, env=building_env(tmp_path, FAIL="1"))

    assert not cached(tmp_path).exists()


@pytest.mark.parametrize(
    ("answer", "used"),
    [
        ("Version  : v1.8.0", True),
        ("Version  : v1.9.3", True),
        ("Version  : v1.7.9", False),
        ("Version  : v2.0.0", False),
        ("git", False),
    ],
)
def test_one_on_path_is_used_if_it_is_the_pinned_release_or_a_later_one_like_it(
    tmp_path: Path, answer: str, *, used: bool
) -> None:
    env = building_env(tmp_path)
    installed = program(tmp_path / "go-bin" / "versitygw", f"#!/bin/sh\necho '{answer}'\n")

    assert ensure_versitygw(quiet, env=env) == (installed if used else cached(tmp_path))
