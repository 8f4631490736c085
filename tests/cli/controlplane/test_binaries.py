"""The search, with programs that only say a version; the build, with a `go` that only writes files."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from picshapes_cli.controlplane.binaries import Binaries, cache_dir, ensure_binaries
from picshapes_cli.controlplane.errors import BuildFailedError
from picshapes_cli.controlplane.progress import BuildProgress, Phase
from picshapes_cli.controlplane.versions import Version

ANSWERS = {
    "etcd": "etcd Version: 3.7.0",
    "kube-apiserver": "Kubernetes v1.37.2",
    "kubectl": "Client Version: v1.37.0",
}
SYSTEM = "/usr/bin:/bin"

# Counts its builds in $LOG; with $FAIL it writes one program and fails; with $HANG it waits after one.
FAKE_GO = """#!/bin/sh
case $1 in
version) echo "go version go1.26.8 linux/amd64" ;;
list) echo "package:runtime" ;;
build)
  echo built >> "$LOG"
  echo $$ > "$LOG.pid"
  while [ "$1" != "-o" ]; do shift; done
  echo "#!/bin/sh" > "$2kube-apiserver"
  if [ -n "$FAIL" ]; then echo "it broke"; exit 1; fi
  if [ -n "$HANG" ]; then echo "a/package"; exec sleep 600; fi
  cp "$2kube-apiserver" "$2server"
  cp "$2kube-apiserver" "$2kubectl"
  chmod +x "$2kube-apiserver" "$2server" "$2kubectl"
  ;;
esac
"""


TELLING = """
from picshapes_cli.controlplane.binaries import ensure_binaries
ensure_binaries(lambda event: print(event.done, flush=True))
"""


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)
    return path


def programs(folder: Path, **answers: str) -> Path:
    """Put the three programs into a folder; `answers` replaces what some say, with _ for - in a name."""
    for name, usual in ANSWERS.items():
        program(folder / name, f"#!/bin/sh\necho '{answers.get(name.replace('-', '_'), usual)}'\n")
    return folder


def all_in(folder: Path) -> Binaries:
    return Binaries(folder / "etcd", folder / "kube-apiserver", folder / "kubectl")


def building_env(tmp_path: Path, **more: str) -> dict[str, str]:
    """Return an environment with the fake Go on PATH, where everything has to be built."""
    program(tmp_path / "go-bin" / "go", FAKE_GO)
    log = str(tmp_path / "builds")
    return {"PATH": f"{tmp_path / 'go-bin'}:{SYSTEM}", "XDG_CACHE_HOME": str(tmp_path), "LOG": log, **more}


def quiet(_event: BuildProgress) -> None:
    pass


def test_programs_on_path_are_used(tmp_path: Path) -> None:
    env = {"PATH": str(programs(tmp_path / "bin")), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    assert ensure_binaries(quiet, with_kubectl=True, env=env) == all_in(tmp_path / "bin")
    assert not (tmp_path / "cache").exists()


def test_the_folder_that_kubebuilder_names_comes_before_path(tmp_path: Path) -> None:
    env = {"KUBEBUILDER_ASSETS": str(programs(tmp_path / "assets")), "PATH": str(programs(tmp_path / "bin"))}

    assert ensure_binaries(quiet, with_kubectl=True, env=env) == all_in(tmp_path / "assets")


def test_path_comes_before_the_cache(tmp_path: Path) -> None:
    env = {"PATH": str(programs(tmp_path / "bin")), "XDG_CACHE_HOME": str(tmp_path)}
    programs(tmp_path / "picshapes" / "control-plane" / "v1.37.2")

    assert ensure_binaries(quiet, with_kubectl=True, env=env) == all_in(tmp_path / "bin")


def test_a_program_of_the_wrong_version_is_passed_over_with_a_note(tmp_path: Path) -> None:
    bin_dir = programs(tmp_path / "bin", kube_apiserver="Kubernetes v1.32.1", etcd="who knows")
    cached = programs(tmp_path / "picshapes" / "control-plane" / "v1.37.2")
    events: list[BuildProgress] = []

    found = ensure_binaries(
        events.append, with_kubectl=True, env={"PATH": str(bin_dir), "XDG_CACHE_HOME": str(tmp_path)}
    )

    assert found == Binaries(cached / "etcd", cached / "kube-apiserver", bin_dir / "kubectl")
    assert [event.message for event in events] == [
        f"not using {bin_dir}/etcd (unknown version): it names no version",
        f"not using {bin_dir}/kube-apiserver (v1.32.1): 1.37 is needed",
    ]


def test_kubectl_is_optional(tmp_path: Path) -> None:
    bin_dir = programs(tmp_path / "bin")
    (bin_dir / "kubectl").unlink()
    env = {"PATH": str(bin_dir), "XDG_CACHE_HOME": str(tmp_path)}

    assert ensure_binaries(quiet, env=env) == Binaries(bin_dir / "etcd", bin_dir / "kube-apiserver", None)


@pytest.mark.parametrize(
    ("env", "folder"),
    [
        ({"XDG_CACHE_HOME": "/var/cache", "HOME": "/home/a"}, "/var/cache/picshapes/control-plane/v1.37.2"),
        ({"HOME": "/home/a"}, "/home/a/.cache/picshapes/control-plane/v1.37.2"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/home/a"}, "/home/a/.cache/picshapes/control-plane/v1.37.2"),
    ],
)
def test_the_cache_is_where_xdg_says(env: dict[str, str], folder: str) -> None:
    assert cache_dir(env, Version(1, 37, 2)) == Path(folder)


def test_what_is_missing_is_built_once_and_kept(tmp_path: Path) -> None:
    env = building_env(tmp_path)
    cached = tmp_path / "picshapes" / "control-plane" / "v1.37.2"

    assert ensure_binaries(quiet, env=env) == all_in(cached)
    assert ensure_binaries(quiet, env=env) == all_in(cached)
    assert (tmp_path / "builds").read_text() == "built\n"


def test_two_processes_build_once(tmp_path: Path) -> None:
    env = building_env(tmp_path)
    call = "from picshapes_cli.controlplane.binaries import ensure_binaries; ensure_binaries()"
    builders = [subprocess.Popen([sys.executable, "-c", call], env=env) for _ in range(2)]

    assert [builder.wait() for builder in builders] == [0, 0]
    assert (tmp_path / "builds").read_text() == "built\n"


def test_a_failed_build_puts_nothing_into_the_cache(tmp_path: Path) -> None:
    with pytest.raises(BuildFailedError, match="it broke"):
        ensure_binaries(quiet, env=building_env(tmp_path, FAIL="1"))

    assert not (tmp_path / "picshapes" / "control-plane" / "v1.37.2").exists()


def test_an_interrupted_build_puts_nothing_into_the_cache_and_the_next_one_succeeds(tmp_path: Path) -> None:
    def interrupt(event: BuildProgress) -> None:
        if event.phase is Phase.COMPILING and event.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure_binaries(interrupt, env=building_env(tmp_path, HANG="1"))

    cached = tmp_path / "picshapes" / "control-plane" / "v1.37.2"
    assert not cached.exists()
    assert ensure_binaries(quiet, env=building_env(tmp_path)) == all_in(cached)


def test_a_builder_that_is_killed_takes_its_build_along_and_frees_the_lock(tmp_path: Path) -> None:
    env = building_env(tmp_path, HANG="1")
    with subprocess.Popen([sys.executable, "-c", TELLING], env=env, stdout=subprocess.PIPE, text=True) as builder:
        assert builder.stdout is not None
        while builder.stdout.readline() != "1\n":  # until the build hangs half way
            assert builder.poll() is None
        go = psutil.Process(int((tmp_path / "builds.pid").read_text()))
        builder.send_signal(signal.SIGKILL)

    _, alive = psutil.wait_procs([go], timeout=30)
    assert alive == []
    cached = tmp_path / "picshapes" / "control-plane" / "v1.37.2"
    assert not cached.exists()
    assert ensure_binaries(quiet, env=building_env(tmp_path)) == all_in(cached)
