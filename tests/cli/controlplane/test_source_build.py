"""Real builds of tiny programs: the same path as the control plane's, without the network."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from picshapes_cli.controlplane.errors import BuildFailedError, ModuleDownloadError
from picshapes_cli.controlplane.go_toolchain import GoToolchain, find_go
from picshapes_cli.controlplane.progress import BuildProgress, Phase
from picshapes_cli.controlplane.source_build import SourceBuild, build
from picshapes_cli.controlplane.versions import Version

MAIN = 'package main\n\nvar version = "none"\n\nfunc main() { println(version) }\n'
OFFLINE = {**os.environ, "GOPROXY": "off"}


@pytest.fixture(scope="module")
def go() -> GoToolchain:
    return find_go(os.environ, Version(1, 26, 0), "programs")


def tiny_build(folder: Path, *, main: str = MAIN, go_mod: str = "module tiny\n\ngo 1.26\n") -> SourceBuild:
    return SourceBuild(
        sources={"go.mod": go_mod, "cmd/apiserver/main.go": main, "server/v3/main.go": main},
        packages={"apiserver": "tiny/cmd/apiserver", "etcd": "tiny/server/v3"},
        ldflags="-X main.version=v7",
        scratch_dir=folder / "v7.build",
        out_dir=folder / "v7",
    )


def test_programs_are_built_with_their_version_and_under_their_own_names(go: GoToolchain, tmp_path: Path) -> None:
    events: list[BuildProgress] = []
    build(tiny_build(tmp_path), go, OFFLINE, events.append)

    assert sorted(path.name for path in (tmp_path / "v7").iterdir()) == ["apiserver", "etcd"]
    for name in ("apiserver", "etcd"):
        assert os.access(tmp_path / "v7" / name, os.X_OK)
        said = subprocess.run([tmp_path / "v7" / name], check=True, capture_output=True, text=True)
        assert said.stderr == "v7\n"


def test_progress_names_the_programs_and_counts_packages_up_to_all(go: GoToolchain, tmp_path: Path) -> None:
    events: list[BuildProgress] = []
    build(tiny_build(tmp_path), go, OFFLINE, events.append)

    assert [event.phase for event in events if event.phase is not Phase.COMPILING] == [
        Phase.DOWNLOADING,
        Phase.DONE,
    ]
    compiling = [event for event in events if event.phase is Phase.COMPILING]
    assert {event.message for event in compiling} == {"compiling the packages of apiserver, etcd"}
    assert [event.done for event in compiling] == list(range(len(compiling)))
    assert compiling[-1].done >= compiling[-1].total - 1  # "unsafe" is listed and never compiled
    assert events[-1].message == f"built apiserver, etcd into {tmp_path / 'v7'}"


def test_files_of_a_tag_are_built_only_with_it(go: GoToolchain, tmp_path: Path) -> None:
    tagged = '//go:build tagged\n\npackage main\n\nfunc init() { version += " tagged" }\n'
    job = tiny_build(tmp_path)
    job = replace(job, sources={**job.sources, "cmd/apiserver/tagged.go": tagged})
    said = []
    for tags in ((), ("tagged",)):
        build(replace(job, tags=tags), go, OFFLINE, lambda _event: None)
        program = tmp_path / "v7" / "apiserver"
        said.append(subprocess.run([program], check=True, capture_output=True, text=True).stderr)
    assert said == ["v7\n", "v7 tagged\n"]


def test_a_build_leaves_only_its_programs(go: GoToolchain, tmp_path: Path) -> None:
    build(tiny_build(tmp_path), go, OFFLINE, lambda _event: None)

    assert [path.name for path in tmp_path.iterdir()] == ["v7"]


def test_a_failed_build_leaves_no_program_and_says_where_its_log_is(go: GoToolchain, tmp_path: Path) -> None:
    job = tiny_build(tmp_path, main="package main\n\nfunc main() { undefined() }\n")
    with pytest.raises(BuildFailedError, match="undefined: undefined"):
        build(job, go, OFFLINE, lambda _event: None)

    assert not (tmp_path / "v7").exists()
    assert "undefined: undefined" in (tmp_path / "v7.build" / "build.log").read_text()

    build(tiny_build(tmp_path), go, OFFLINE, lambda _event: None)  # the next try is not in its way
    assert [path.name for path in tmp_path.iterdir()] == ["v7"]


def test_a_module_that_cannot_be_downloaded_is_an_error_of_its_own(go: GoToolchain, tmp_path: Path) -> None:
    go_mod = "module tiny\n\ngo 1.26\n\nrequire example.com/far v1.0.0\n"
    main = 'package main\n\nimport "example.com/far"\n\nfunc main() { far.Away() }\n'
    job = tiny_build(tmp_path, go_mod=go_mod, main=main)
    job = SourceBuild(
        sources={**job.sources, "go.sum": "example.com/far v1.0.0/go.mod h1:x=\nexample.com/far v1.0.0 h1:x=\n"},
        packages=job.packages,
        ldflags=job.ldflags,
        scratch_dir=job.scratch_dir,
        out_dir=job.out_dir,
    )
    with pytest.raises(ModuleDownloadError, match="module lookup disabled by GOPROXY=off"):
        build(job, go, OFFLINE, lambda _event: None)


def test_an_interrupted_build_leaves_no_program(go: GoToolchain, tmp_path: Path) -> None:
    def interrupt(event: BuildProgress) -> None:
        if event.phase is Phase.COMPILING and event.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(tiny_build(tmp_path), go, OFFLINE, interrupt)

    assert not (tmp_path / "v7").exists()
