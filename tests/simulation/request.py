"""One request on its way to the API server and its answer on the way back.

A request travels by itself: once sent it may land though its sender has died or given up.
"""

from collections.abc import Callable
from typing import Any

from picshapes_crds.cluster import ClusterError, UnavailableError
from picshapes_crds.cluster.kube import REQUEST_TIMEOUT_S

from .faults import Fault
from .loop import Process
from .network import Network


class Request:
    """A request of one process; `act` is what the server does."""

    def __init__(self, net: Network, process: Process, about: str, act: Callable[[], Any]) -> None:
        self._net, self._process, self._about, self._act = net, process, about, act
        self._there_s, self._back_s = net.latency_s(), net.latency_s()
        self._dies = net.fate(process)
        """At which stage of this request its sender dies; mostly at none."""
        self._answer = net.loop.create_future()
        self._lost = False

    async def answer(self, *, lag_s: float, cut_off: Callable[[], bool]) -> Any:
        """Send it and wait for its answer, for a bounded time."""
        net = self._net
        if lag_s:
            self._there_s += net.rng.uniform(0, lag_s)
        await net.breathing(self._process)
        if self._dies == "before":
            net.loop.kill(self._process)
        elif cut_off() or net.faults.draw(Fault.CALL_REFUSED, 0.01):
            hangs = cut_off() and net.rng.random() < 0.3
            self._fail_in(REQUEST_TIMEOUT_S if hangs else min(self._there_s, REQUEST_TIMEOUT_S))
        else:
            self._lost = net.faults.draw(Fault.ANSWER_LOST, 0.01)
            net.loop.in_world(self._there_s, lambda: self._land(cut_off))
            if self._there_s >= REQUEST_TIMEOUT_S:
                self._fail_in(REQUEST_TIMEOUT_S)
        return await self._answer

    def _land(self, cut_off: Callable[[], bool]) -> None:
        """Let the server do it, and send the answer back."""
        net = self._net
        net.writer = self._process
        answer, refusal = None, None
        try:
            answer = self._act()
        except ClusterError as error:
            refusal = error
            net.trace.note(self._process.name, f"{self._about}: {type(error).__name__}")
        finally:
            net.writer = None
        if self._dies == "landed":
            net.loop.kill(self._process)
        left_s = REQUEST_TIMEOUT_S - self._there_s
        if self._lost or cut_off() or self._back_s >= left_s:
            self._fail_in(max(0.0, net.rng.choice((min(self._back_s, left_s), left_s))))
        else:
            net.loop.in_world(self._back_s, lambda: self._come_back(answer, refusal))

    def _come_back(self, answer: Any, refusal: ClusterError | None) -> None:
        if not self._answer.done():
            if refusal is None:
                self._answer.set_result(answer)
            else:
                self._answer.set_exception(refusal)
        if self._dies == "answered":
            self._net.loop.kill(self._process)

    def _fail_in(self, seconds: float) -> None:
        def fail() -> None:
            if not self._answer.done():
                self._answer.set_exception(UnavailableError(f"{self._about}: no answer"))

        self._net.loop.in_world(seconds, fail)
