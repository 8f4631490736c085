"""A free TCP port on loopback that stays free until the program it is for has taken it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reserved_port() -> Iterator[int]:
    """Hold a port: bound, with nothing listening, so the kernel gives it to nobody else.

    The program must bind it with SO_REUSEPORT, as the same user. Connections go only to its socket, since
    the one here never listens. (Asking for a free port and closing it again loses it to others now and then.)
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
