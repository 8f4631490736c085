"""A port that is held for a program: nobody else gets it, before the program has it and after."""

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from picshapes_cli.controlplane.ports import reserved_port

DRAWS = 2000
HELD = 200


@pytest.fixture
def port() -> Iterator[int]:
    with reserved_port() as held:
        yield held


def test_one_server_after_the_other_gets_it_and_never_two(port: int) -> None:
    for _ in range(2):
        with socket.create_server(("127.0.0.1", port)):
            socket.create_connection(("127.0.0.1", port)).close()
            with pytest.raises(OSError, match="in use") as refused:
                socket.create_server(("127.0.0.1", port))
            assert refused.value.errno == errno.EADDRINUSE


def test_nobody_answers_before_the_server_is_there(port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_the_kernel_gives_held_ports_to_nobody_who_asks_for_any() -> None:
    with ExitStack() as stack:
        held = {stack.enter_context(reserved_port()) for _ in range(HELD)}
        assert len(held) == HELD
        given = {stack.enter_context(reserved_port()) for _ in range(DRAWS)}
    assert not held & given


def test_a_port_that_is_listened_at_can_not_be_had(port: int) -> None:
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(OSError, match="in use"),
        reserved_port(port),
    ):
        pytest.fail("it was had")
