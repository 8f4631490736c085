"""Build programs from Go source, in a scratch folder, and move them into place.

`binaries` calls this under the build lock, and so does `objectstore.binary`. All that Go writes goes into the
scratch folder: it stays after a failure, so that the next try goes on where this one ended, and is removed
before the finished programs appear. A program appears in `out_dir` whole or not at all.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from picshapes_cli.controlplane.build_failures import explain_failure
from picshapes_cli.controlplane.errors import BuildFailedError
from picshapes_cli.controlplane.go_process import run_go
from picshapes_cli.controlplane.go_toolchain import GoToolchain
from picshapes_cli.controlplane.progress import BuildProgress, Phase, Progress

BUILD_TIMEOUT_S = 3600.0  # two slow cores take about six minutes

_LISTED = "package:"


@dataclass(frozen=True, slots=True)
class SourceBuild:
    """What to build.

    `sources` are the main module's files (go.mod, go.sum) by name; `packages` the Go package of each program,
    by the program's file name; `tags` the build constraints that hold.
    """

    sources: Mapping[str, str]
    packages: Mapping[str, str]
    ldflags: str
    scratch_dir: Path
    out_dir: Path
    tags: tuple[str, ...] = ()

    @property
    def names(self) -> str:
        """The programs' names, for messages."""
        return ", ".join(self.packages)

    @property
    def compiling(self) -> str:
        """The message while packages are compiled; counts follow it."""
        return f"compiling the packages of {self.names}"


def build(job: SourceBuild, go: GoToolchain, env: Mapping[str, str], progress: Progress) -> None:
    """Build every program of `job`. Raises ControlPlaneError; needs about 6 GB of disk while it runs."""
    module_dir, bin_dir = job.scratch_dir / "module", job.scratch_dir / "bin"
    for folder in (module_dir, bin_dir):
        shutil.rmtree(folder, ignore_errors=True)
    for name, text in job.sources.items():
        (module_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (module_dir / name).write_text(text)
    bin_dir.mkdir()
    runner = _Runner(job, go, _go_environment(go, env, job.scratch_dir), module_dir)

    progress(BuildProgress(Phase.DOWNLOADING, f"downloading the source of {job.names} (Go {go.version})"))
    packages = runner.download(progress)
    progress(BuildProgress(Phase.COMPILING, job.compiling, 0, packages))
    runner.compile(bin_dir, packages, progress)
    _move_into_place(job, bin_dir)
    progress(BuildProgress(Phase.DONE, f"built {job.names} into {job.out_dir}"))


@dataclass(frozen=True, slots=True)
class _Runner:
    """Runs the two `go` commands of a build."""

    job: SourceBuild
    go: GoToolchain
    env: Mapping[str, str]
    module_dir: Path

    def download(self, progress: Progress) -> int:
        """Download what the programs need, and return the number of packages to compile."""
        modules = packages = 0

        def on_line(line: str) -> None:
            nonlocal modules, packages
            if line.startswith("go: downloading "):
                modules += 1
                message = f"downloading the source of {self.job.names}: {modules} modules"
                progress(BuildProgress(Phase.DOWNLOADING, message, modules))
            elif line.startswith(_LISTED):
                packages += 1

        self._run("list", ["-deps", "-f", _LISTED + "{{.ImportPath}}", *self.job.packages.values()], on_line)
        return packages

    def compile(self, bin_dir: Path, packages: int, progress: Progress) -> None:
        """Compile and link the programs into `bin_dir`."""
        compiled = 0

        def on_line(line: str) -> None:
            nonlocal compiled
            if line and " " not in line:  # -v prints the path of each package that it compiles
                compiled = min(compiled + 1, packages)
                progress(BuildProgress(Phase.COMPILING, self.job.compiling, compiled, packages))

        flags = ["-v", "-trimpath", "-buildvcs=false", f"-ldflags={self.job.ldflags}", "-o", f"{bin_dir}/"]
        self._run("build", [*flags, *self.job.packages.values()], on_line)

    def _run(self, verb: str, arguments: list[str], on_line: Callable[[str], None]) -> None:
        # readonly: what go.sum doesn't know is an error. modcacherw: so that the folder can be removed.
        tags = f"-tags={','.join(self.job.tags)}"
        argv = [str(self.go.program), verb, "-mod=readonly", "-modcacherw", tags, *arguments]
        result = run_go(argv, self.env, self.module_dir, timeout_s=BUILD_TIMEOUT_S, on_line=on_line)
        if result.returncode == 0:
            return
        log_path = self.job.scratch_dir / "build.log"
        output = "".join(line for line in result.output.splitlines(keepends=True) if not line.startswith(_LISTED))
        log_path.write_text(output)
        if result.timed_out:
            raise BuildFailedError(
                f"Building {self.job.names} took more than {BUILD_TIMEOUT_S:g} s and was stopped. Start again to"
                f" go on, or put these programs on PATH. The log is {log_path}."
            )
        raise explain_failure(output, str(log_path), self.job.names)


def _go_environment(go: GoToolchain, env: Mapping[str, str], scratch_dir: Path) -> dict[str, str]:
    """Keep the user's Go settings (proxy, checksum database), and Go's own files inside the scratch folder."""
    settled = {name: value for name, value in go.environment(env).items() if name not in {"GOOS", "GOARCH"}}
    folders = {"GOPATH": "path", "GOMODCACHE": "modules", "GOCACHE": "cache", "GOTMPDIR": "tmp"}
    for variable, name in folders.items():
        folder = scratch_dir / name
        folder.mkdir(parents=True, exist_ok=True)
        settled[variable] = str(folder)
    return settled | {"CGO_ENABLED": "0", "GO111MODULE": "on"}


def _move_into_place(job: SourceBuild, bin_dir: Path) -> None:
    """Move the programs to `out_dir`; before that, drop the gigabytes that only the build needed."""
    for folder in job.scratch_dir.iterdir():
        if folder != bin_dir:
            shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
    job.out_dir.mkdir(parents=True, exist_ok=True)
    for name, package in job.packages.items():
        built = bin_dir / _built_name(package)
        with built.open("rb") as program:
            os.fsync(program.fileno())  # a power cut must not leave a name without its content
        built.replace(job.out_dir / name)
    shutil.rmtree(job.scratch_dir)


def _built_name(package: str) -> str:
    """Return the file name that Go gives a program: the package's last part that is no major version."""
    parts = package.split("/")
    is_version = parts[-1].startswith("v") and parts[-1][1:].isdigit()
    return parts[-2] if is_version else parts[-1]
