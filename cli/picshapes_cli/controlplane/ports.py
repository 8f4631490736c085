"""A TCP port on loopback that stays free until the program it is for has taken it, and whenever that has ended."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reserved_port(wanted: int = 0) -> Iterator[int]:
    """Hold a port, any free one for 0: bound, with nothing listening, so the kernel gives it to nobody else.

    The program binds it with SO_REUSEADDR, as nearly all servers do: on Linux that suffices beside a socket that
    has it too and does not listen, and one program alone can. Raises `OSError` when the port can't be had.
    (Asking for a free port and closing it again loses it to others now and then.)
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", wanted))
        yield holder.getsockname()[1]
