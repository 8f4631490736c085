from pathlib import Path

import pytest

from picshapes_cli.controlplane.errors import GoNotFoundError
from picshapes_cli.controlplane.go_toolchain import find_go
from picshapes_cli.controlplane.versions import Version


def fake_go(folder: Path, version: str) -> dict[str, str]:
    """Put a `go` into the folder that only says its version; return an environment with it on PATH."""
    program = folder / "go"
    program.write_text(f"#!/bin/sh\necho 'go version {version} linux/amd64'\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def test_the_go_on_path_is_used(tmp_path: Path) -> None:
    go = find_go(fake_go(tmp_path, "go1.26.3"), Version(1, 26, 0), "etcd")

    assert (go.program, go.version, go.root) == (tmp_path / "go", Version(1, 26, 3), None)


def test_the_wheels_go_is_used_when_the_one_on_path_is_too_old(tmp_path: Path) -> None:
    go = find_go(fake_go(tmp_path, "go1.19.8"), Version(1, 26, 0), "etcd")

    assert go.program.parts[-3:] == ("go", "bin", "go")
    assert go.root == go.program.parent.parent
    assert go.version >= Version(1, 26, 0)


def test_the_wheels_go_is_used_when_none_is_on_path(tmp_path: Path) -> None:
    assert find_go({"PATH": str(tmp_path)}, Version(1, 26, 0), "etcd").root is not None


def test_no_go_that_will_do_is_an_error_that_names_what_was_seen(tmp_path: Path) -> None:
    with pytest.raises(
        GoNotFoundError, match=r"needs Go v9\.0\.0 or newer .*go is v1\.19\.8.* Install Go"
    ) as caught:
        find_go(fake_go(tmp_path, "go1.19.8"), Version(9, 0, 0), "etcd")

    assert caught.value.code == "GO_NOT_FOUND"


def test_a_go_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    env = fake_go(tmp_path, "go1.26.3")
    (tmp_path / "go").write_text("#!/bin/sh\nexit 1\n")

    assert find_go(env, Version(1, 26, 0), "etcd").root is not None


def test_another_gos_settings_do_not_reach_it_and_it_downloads_no_other_go(tmp_path: Path) -> None:
    go = find_go(fake_go(tmp_path, "go1.26.3"), Version(1, 26, 0), "etcd")

    assert go.environment({"GOROOT": "/old", "GOFLAGS": "-mod=mod", "GOPROXY": "https://proxy.example"}) == {
        "GOPROXY": "https://proxy.example",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
