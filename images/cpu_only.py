# ruff: noqa: INP001 - a program that the Dockerfile copies alone
"""Lets the registry's torch, which is built for CUDA, run where none of NVIDIA's 3 GB of libraries is installed.

Its own libraries name those, and the dynamic loader must find them, although none is ever called without a card.
So each gets an empty library of its name that holds just the symbols asked of it; calling one ends the process.
Run by the Dockerfile in a stage that has gcc: `python cpu_only.py SITE_PACKAGES`. The stage then imports torch and
diffusers and computes something, so that a torch that needs more than this fails the build.
"""

import subprocess
import sys
from pathlib import Path

RUNTIME = "libcudart.so"  # is asked how many cards there are, so the real one stays: it is small and answers none
UNUSED = ("include", "share")


def run(*words: str | Path) -> str:
    """Return what a program printed; one that fails raises CalledProcessError."""
    return subprocess.run(  # noqa: S603 - the compiler's own tools
        [str(word) for word in words], check=True, capture_output=True, text=True
    ).stdout


def needed(library: Path) -> set[str]:
    """Return the names of the libraries that the loader looks for."""
    entries = (line for line in run("readelf", "-d", library).splitlines() if "(NEEDED)" in line)
    return {line.split("[")[1].split("]")[0] for line in entries}


def symbols(library: Path, which: str) -> set[str]:
    """Return the names that are `--defined-only` or `--undefined-only`, less those that may stay so (weak)."""
    rows = (line.split() for line in run("nm", "-D", which, library).splitlines())
    return {row[-1].split("@")[0] for row in rows if which == "--defined-only" or row[-2] not in {"w", "v"}}


def library(path: Path, names: set[str], *needs: Path) -> None:
    """Make one with these functions, each an instruction that no processor runs."""
    source = path.with_suffix(".s")
    lines = [f".globl {name}\n.type {name},@function\n{name}: ud2" for name in sorted(names)]
    source.write_text("\n".join([".text", *lines, '.section .note.GNU-stack,"",@progbits', ""]))
    found = f"-Wl,-soname,{path.name},--no-as-needed,-rpath,$ORIGIN"
    run("gcc", "-shared", "-nostdlib", source, "-o", path, found, *needs)
    source.unlink()


def main(site: Path) -> None:
    """Write the libraries beside torch's own, where its loader looks first."""
    folder = site / "torch" / "lib"
    for name in UNUSED:
        if (site / "torch" / name).exists():
            run("rm", "-r", site / "torch" / name)
    own = [file for file in folder.glob("*.so*") if file.is_file()]
    system = [Path(line.split("=> ")[1]) for line in run("/sbin/ldconfig", "-p").splitlines() if "=> " in line]
    present = {file.name: file for file in (*system, *own, *site.glob(f"nvidia/**/{RUNTIME}*"))}
    wanted = set[str]().union(*(needed(file) for file in own))
    libraries = {*own, *(present[name] for name in wanted & set(present))}
    defined = set[str]().union(*(symbols(file, "--defined-only") for file in libraries))
    missing = set[str]().union(*(symbols(file, "--undefined-only") for file in own)) - defined
    absent = sorted(wanted - set(present))
    # in a library of their own: the loader refuses a symbol whose version names a file that has no versions
    symbols_of_all = folder / "libabsent.so"
    library(symbols_of_all, missing)
    for name in absent:
        library(folder / name, set(), symbols_of_all)
    sys.stdout.write(f"{len(absent)} empty libraries with {len(missing)} symbols: {', '.join(absent)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
