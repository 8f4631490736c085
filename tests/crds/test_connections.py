"""No connection outlives its cluster client, however slow the other side is to say goodbye."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kubernetes.aio import client

from picshapes_cli.controlplane.certificates import issue_serving_certificate
from picshapes_crds.cluster import JOBS, Scope
from picshapes_crds.cluster.kube import KubeCluster

EVENT = b'{"type": "ADDED", "object": {"metadata": {"name": "a"}}}\n'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n"


class SilentServer:
    """Begins to answer over TLS, then reads nothing but the end of the TCP connection."""

    def __init__(self, folder: Path) -> None:
        made = issue_serving_certificate(datetime.now(UTC))
        self.ca, pair = folder / "ca.pem", folder / "pair.pem"
        self.ca.write_bytes(made.ca_pem)
        pair.write_bytes(made.certificate_pem + made.key_pem)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(pair)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(60)
        self.asked = threading.Event()
        """Set when a request has come."""
        self.url = f"https://127.0.0.1:{self._listening.getsockname()[1]}"

    def serve_one(self, *, answer: bytes) -> str:
        """Return how the client's connection ended."""
        accepted, _ = self._listening.accept()
        with self._tls.wrap_socket(accepted, server_side=True, suppress_ragged_eofs=False) as connection:
            connection.recv(65536)
            self.asked.set()
            if answer:
                connection.sendall(answer)
            with socket.socket(fileno=connection.detach()) as bare:
                bare.settimeout(60)
                try:
                    while bare.recv(65536):
                        pass
                except ConnectionResetError:
                    return "reset"
                return "closed"

    def close(self) -> None:
        self._listening.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SilentServer]:
    made = SilentServer(tmp_path)
    yield made
    made.close()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def connect(server: SilentServer) -> KubeCluster:
    configuration = client.Configuration()
    configuration.host, configuration.ssl_ca_cert = server.url, str(server.ca)
    return KubeCluster(configuration)


async def ended(serving: "Future[str]") -> str:
    return await asyncio.wait_for(asyncio.wrap_future(serving), 60)


async def test_a_watch_that_is_left_closes_its_connection_at_once(
    server: SilentServer, threads: ThreadPoolExecutor
) -> None:
    serving = threads.submit(server.serve_one, answer=ANSWER % (len(EVENT), EVENT))
    async with connect(server) as cluster:
        seen = asyncio.Event()

        async def follow() -> None:
            async for _ in cluster.watch(JOBS, Scope("default"), "1"):
                seen.set()

        following = asyncio.create_task(follow())
        await seen.wait()
        following.cancel()
        await asyncio.wait([following])
        assert await ended(serving) in ("reset", "closed")


async def test_a_call_that_is_left_before_its_answer_closes_its_connection_at_once(
    server: SilentServer, threads: ThreadPoolExecutor
) -> None:
    serving = threads.submit(server.serve_one, answer=b"")
    async with connect(server) as cluster:
        calling = asyncio.create_task(cluster.get(JOBS, "default", "a"))
        assert await asyncio.to_thread(server.asked.wait, 60)
        calling.cancel()
        await asyncio.wait([calling])
        assert await ended(serving) in ("reset", "closed")
