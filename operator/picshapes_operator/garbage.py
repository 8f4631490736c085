"""Python's garbage collector in a process that keeps very many objects for long.

It looks at all that lives whenever a quarter as much has come to it: again and again while a large cluster is
read, and with 100,000 jobs each time for more than a second, in which nothing is decided.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def made_to_stay() -> Iterator[None]:
    """Keep the collector from what is made in the block; but for cycles it is freed all the same."""
    gc.collect()  # what is garbage by now would stay as well
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()
