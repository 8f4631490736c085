"""What the store of the chart needs before it starts: its Secret, on a real API server, is empty at first."""

import asyncio
import base64
import os
import stat
import sys
from pathlib import Path

import pytest

from picshapes_cli.controlplane.server import ControlPlane
from picshapes_cli.objectstore.prepare import SECRETS, fill
from picshapes_cli.objectstore.server import Keys
from picshapes_crds.cluster import Json, NotFoundError
from picshapes_crds.cluster.kube import KubeCluster

EMPTY: Json = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "store"}}


async def held(cluster: KubeCluster, namespace: str) -> dict[str, str]:
    data = (await cluster.get(SECRETS, namespace, "store"))["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


async def prepare(plane: ControlPlane, namespace: str, folder: Path) -> tuple[int, str]:
    """Run the command as the chart does; return its status and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "picshapes_cli.objectstore.prepare"),
        *("--bucket", str(folder / "buckets" / "pictures"), "--folder", str(folder / "metadata")),
        *("--secret", "store"),
        env=os.environ | {"PICSHAPES_NAMESPACE": namespace, "PICSHAPES_KUBECONFIG": str(plane.admin_kubeconfig)},
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(120):
        _, said = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_the_first_start_draws_keys_and_makes_the_folders_and_later_ones_find_them(
    cluster: KubeCluster, control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    await cluster.create(SECRETS, namespace, EMPTY)
    assert await prepare(control_plane, namespace, tmp_path) == (0, "picshapes store: drew the keys of store\n")
    drawn = await held(cluster, namespace)
    assert set(drawn) == {"access-key", "secret-key"}
    assert len(drawn["access-key"]) == 20
    assert len(drawn["secret-key"]) == 40
    for folder in ("buckets/pictures", "metadata"):
        assert stat.S_ISDIR((tmp_path / folder).stat().st_mode)

    assert await prepare(control_plane, namespace, tmp_path) == (0, "picshapes store: found the keys of store\n")
    assert await held(cluster, namespace) == drawn


async def test_without_the_secret_it_ends_with_a_sentence(
    control_plane: ControlPlane,
    cluster: KubeCluster,  # noqa: ARG001 - it serves
    namespace: str,
    tmp_path: Path,
) -> None:
    status, said = await prepare(control_plane, namespace, tmp_path)
    assert status == 1
    assert said.startswith("picshapes store: ")
    assert "Traceback" not in said


async def test_of_two_that_start_together_both_go_on_with_one_pair_of_keys(
    cluster: KubeCluster, namespace: str
) -> None:
    await cluster.create(SECRETS, namespace, EMPTY)
    pairs = [Keys() for _ in range(8)]
    filled = await asyncio.gather(*(fill(cluster, namespace, "store", keys) for keys in pairs))
    assert filled.count(True) == 1
    first = pairs[filled.index(True)]
    assert await held(cluster, namespace) == {"access-key": first.access_key, "secret-key": first.secret_key}


async def test_a_secret_that_is_not_there_cant_be_filled(cluster: KubeCluster, namespace: str) -> None:
    with pytest.raises(NotFoundError):
        await fill(cluster, namespace, "store", Keys())
