"""Something outside the cluster that answers: a container on the network of the cluster's nodes.

It has an address of its own and the one at which clouds give out their machines' credentials.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from tests.e2e.surroundings import SERVICES

METADATA_ADDRESS: Final = "169.254.169.254"
COMMAND_LIMIT_S: Final = 120

LISTEN: Final = """
import asyncio
async def listen():
    servers = [await asyncio.start_server(lambda _, writer: writer.close(), port=port) for port in (80, 443)]
    await asyncio.gather(*(server.serve_forever() for server in servers))
asyncio.run(listen())
"""


@contextmanager
def answering_outside(nodes: list[str]) -> Iterator[str]:
    """Have a container that answers on ports 80 and 443 to every pod of these nodes, and give its own address."""
    [network] = json.loads(docker("inspect", nodes[0]))[0]["NetworkSettings"]["Networks"]
    with ExitStack() as ending:
        place = ["--network", network, "--link-local-ip", METADATA_ADDRESS]
        container = docker("run", "--detach", *place, "--user", "0", SERVICES, "python", "-c", LISTEN)
        ending.callback(docker, "rm", "--force", container)
        address: str = json.loads(docker("inspect", container))[0]["NetworkSettings"]["Networks"][network][
            "IPAddress"
        ]
        for node in nodes:
            route = [METADATA_ADDRESS, "dev", "eth0"]
            docker("exec", node, "ip", "route", "add", *route)
            ending.callback(docker, "exec", node, "ip", "route", "del", *route)
            # Answers find their way back to the node; what it lets through is decided before this.
            masquerade = ["POSTROUTING", "-d", f"{METADATA_ADDRESS},{address}", "-j", "MASQUERADE"]
            docker("exec", node, "iptables", "-t", "nat", "-A", *masquerade)
            ending.callback(docker, "exec", node, "iptables", "-t", "nat", "-D", *masquerade)
        yield address


def docker(*words: str) -> str:
    """Run docker; raises AssertionError with what it said when it fails."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=COMMAND_LIMIT_S, check=False)
    assert not done.returncode, f"docker {' '.join(words)}: {done.stderr}{done.stdout}"
    return done.stdout.strip()
