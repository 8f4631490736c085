"""How much memory a worker has: what the device reports, or what this process may use."""

from pathlib import Path

import pytest

from picshapes_worker.device import measure, usable_memory_bytes

GIB = 1024**3


def cgroups(folder: Path, own: str, limits: dict[str, str]) -> tuple[Path, Path]:
    listing = folder / "cgroup"
    listing.write_text(own)
    root = folder / "sys"
    for name, limit in limits.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{limit}\n")
    return listing, root


@pytest.mark.parametrize(
    ("own", "limits", "usable"),
    [
        ("0::/\n", {}, 64 * GIB),
        ("0::/\n", {"memory.max": str(4 * GIB)}, 4 * GIB),
        ("0::/pod/worker\n", {"pod/worker/memory.max": "max", "pod/memory.max": str(8 * GIB)}, 8 * GIB),
        ("0::/pod/worker\n", {"pod/worker/memory.max": str(2 * GIB), "pod/memory.max": "max"}, 2 * GIB),
        ("0::/outside\n", {"memory.max": str(3 * GIB)}, 3 * GIB),
        ("4:memory:/a\n0::/\n", {"memory/a/memory.limit_in_bytes": str(GIB)}, GIB),
        ("4:cpu,memory:/a\n", {"memory/memory.limit_in_bytes": "9223372036854771712"}, 64 * GIB),
        ("3:cpu:/a\n", {"memory/a/memory.limit_in_bytes": str(GIB)}, 64 * GIB),
    ],
    ids=[
        "no limit",
        "v2 at the root, as in a container",
        "v2 of a parent",
        "v2 of its own",
        "v2 path not visible in the container",
        "v1",
        "v1 without a limit",
        "v1 of another controller",
    ],
)
def test_the_least_limit_counts(tmp_path: Path, own: str, limits: dict[str, str], usable: int) -> None:
    listing, root = cgroups(tmp_path, own, limits)

    assert usable_memory_bytes(64 * GIB, listing, root) == usable


def test_without_control_groups_physical_memory_counts(tmp_path: Path) -> None:
    assert usable_memory_bytes(64 * GIB, tmp_path / "none", tmp_path) == 64 * GIB


def test_a_cpu_is_taken_when_asked_for() -> None:
    device = measure("cpu")

    assert device.kind == "cpu"
    assert device.memory_mib > 0
