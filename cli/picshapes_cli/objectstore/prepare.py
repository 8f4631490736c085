"""`python -m picshapes_cli.objectstore.prepare`: what the chart's store needs before it starts: folders and keys.

A chart can't draw random keys and stay the same from render to render, so it makes their Secret empty. This fills
it once; the store, the API and the workers wait until it is filled, as their containers refer to its keys.
"""

import argparse
import asyncio
import base64
import os
import sys
from pathlib import Path
from typing import Final

import stamina
from kubernetes.aio.config import ConfigException

from picshapes_cli.objectstore.server import Keys
from picshapes_crds.cluster import Cluster, ClusterError, ConflictError, Json, Kind, UnavailableError
from picshapes_crds.cluster.kube import KubeCluster

SECRETS: Final = Kind("v1", "secrets")
ACCESS_KEY: Final = "access-key"
SECRET_KEY: Final = "secret-key"  # noqa: S105 - the name of a key in a Secret
TRIES: Final = 5
API_SERVER_START_S: Final = 120


async def fill(cluster: Cluster, namespace: str, name: str, keys: Keys) -> bool:
    """Write the keys into the Secret unless it has some; return whether it had none. Raises `ClusterError`."""
    for attempt in range(1, TRIES + 1):
        found = await cluster.get(SECRETS, namespace, name)
        held = found.get("data") or {}
        if held.get(ACCESS_KEY) and held.get(SECRET_KEY):
            return False
        body: Json = {
            "metadata": {"resourceVersion": found["metadata"]["resourceVersion"]},
            "data": {ACCESS_KEY: _encoded(keys.access_key), SECRET_KEY: _encoded(keys.secret_key)},
        }
        try:
            await cluster.merge_patch(SECRETS, namespace, name, body)
        except ConflictError:
            if attempt == TRIES:
                raise
            continue  # somebody else was faster: look again
        break
    return True


async def _fill(namespace: str, name: str, kubeconfig: Path | None) -> bool:
    async with await KubeCluster.connect(kubeconfig) as cluster:
        async for attempt in stamina.retry_context(UnavailableError, attempts=None, timeout=API_SERVER_START_S):
            with attempt:
                filled = await fill(cluster, namespace, name, Keys())
    return filled


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def main(arguments: list[str] | None = None) -> int:
    """Make the folders and fill the Secret; return the exit status."""
    parser = argparse.ArgumentParser(prog="picshapes_cli.objectstore.prepare", description=__doc__.splitlines()[0])
    parser.add_argument("--bucket", type=Path, required=True, help="the bucket's folder")
    parser.add_argument("--folder", type=Path, action="append", default=[], help="a further folder to make")
    parser.add_argument("--secret", required=True, help="name of the Secret for the keys")
    options = parser.parse_args(arguments)
    namespace, config = os.environ["PICSHAPES_NAMESPACE"], os.environ.get("PICSHAPES_KUBECONFIG")
    try:
        for folder in (options.bucket, *options.folder):
            folder.mkdir(parents=True, exist_ok=True)
        filled = asyncio.run(_fill(namespace, options.secret, Path(config) if config else None))
    except (ClusterError, ConfigException, OSError) as error:
        sys.stderr.write(f"picshapes store: {error}\n")
        return 1
    sys.stderr.write(f"picshapes store: {'drew' if filled else 'found'} the keys of {options.secret}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
