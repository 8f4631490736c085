"""An event loop in simulated time: no thread, no socket, one seed.

Time stands still while anything is ready and then jumps to the next timer. What is ready runs in order within a
process, as asyncio promises its code, but which of the processes goes next is drawn: so their steps interleave in
as many ways as there are seeds. A process that is killed never runs another step.
"""

import asyncio
import contextvars
import heapq
import random
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

T = TypeVar("T")

UNWINDING_ROUNDS: Final = 8
"""So many times the tasks of a killed process are cancelled, since what they clean up may wait again."""


@dataclass(eq=False)
class Process:
    """A process of the operating system, as the loop sees it."""

    name: str
    alive: bool = True
    unwinds: bool = False
    resumes_at: float = 0.0
    """Until then it is stopped, as by SIGSTOP."""
    context: contextvars.Context = field(default_factory=contextvars.Context)
    """That of its first task; what is spawned later inherits from it."""
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)
    ready: deque[asyncio.Handle] = field(default_factory=deque)
    at_death: list[Callable[[], None]] = field(default_factory=list)

    def own(self, task: asyncio.Task[Any]) -> None:
        """Note a task of this process."""
        if len(self.tasks) > 64 and len(self.tasks) % 64 == 0:
            self.tasks = [one for one in self.tasks if not one.done()]
        self.tasks.append(task)


_PROCESS: Final[contextvars.ContextVar[Process]] = contextvars.ContextVar("process")


class _Ready:
    """What asyncio takes for its queue of handles: one queue for each process."""

    def __init__(self, world: Process) -> None:
        self.world = world
        self.waiting: list[Process] = []
        """Processes with something to run, in the order in which they came to have it."""

    def append(self, handle: asyncio.Handle) -> None:
        process = handle._context.get(_PROCESS, self.world)  # type: ignore[attr-defined] # as asyncio does
        if not process.alive:
            if process.unwinds:
                process.ready.append(handle)
            return
        if not process.ready:
            self.waiting.append(process)
        process.ready.append(handle)

    def __len__(self) -> int:
        return len(self.waiting)

    def clear(self) -> None:
        for process in self.waiting:
            process.ready.clear()
        self.waiting.clear()


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs the world and all its processes."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng = rng
        self._time = 0.0
        self.world = Process("world")
        self._ready = _Ready(self.world)
        self._dying: list[Process] = []
        self.steps = 0
        self.failures: list[dict[str, Any]] = []
        """What nobody caught; a run with any has failed."""
        self.set_task_factory(self._make_task)
        self.set_exception_handler(lambda _, context: self.failures.append(context))

    def time(self) -> float:
        """Return the simulated seconds since the begin of the run."""
        return self._time

    def spawn(self, process: Process, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Run something within a process."""
        context = process.context.copy()
        if not process.tasks:
            context.run(_PROCESS.set, process)
            process.context = context
        return self.create_task(work, name=f"{process.name}: {name}", context=context)

    def in_world(self, delay_s: float, act: Callable[[], object]) -> asyncio.TimerHandle:
        """Have something happen outside of all processes, whichever asks for it."""
        return self.call_at(self._time + delay_s, act, context=_NOWHERE)

    def kill(self, process: Process) -> None:
        """Let a process never run another step."""
        if process.alive:
            process.alive = False
            self._dying.append(process)

    def run_in_executor(self, _: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override] # no thread
        """Run it here and now: what would take a thread's time takes none."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the caller
            done.set_exception(error)
        return done

    def _make_task(self, _: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        context = options.get("context")
        process = context.get(_PROCESS, self.world) if context else _PROCESS.get(self.world)
        task: asyncio.Task[Any] = asyncio.Task(work, loop=self, **options)
        process.own(task)
        return task

    def _run_once(self) -> None:
        while self._dying:
            self._unwind(self._dying.pop(0))
        runnable = [one for one in self._ready.waiting if one.resumes_at <= self._time]
        if not runnable:
            self._advance()
            return
        process = runnable[0] if len(runnable) == 1 else self._rng.choice(runnable)
        handle = process.ready.popleft()
        if not process.ready:
            self._ready.waiting.remove(process)
        if process.alive and not handle._cancelled:
            self.steps += 1
            handle._run()

    def _advance(self) -> None:
        """Jump to the next timer or to when a stopped process goes on."""
        scheduled: list[Any] = self._scheduled  # type: ignore[attr-defined]
        while scheduled and scheduled[0]._cancelled:
            heapq.heappop(scheduled)._scheduled = False
        moments = [one.resumes_at for one in self._ready.waiting]
        if scheduled:
            moments.append(scheduled[0]._when)
        if not moments:
            raise RuntimeError("nothing will ever happen again")
        self._time = max(self._time, min(moments))
        while scheduled and scheduled[0]._when <= self._time:
            handle = heapq.heappop(scheduled)
            handle._scheduled = False
            if not handle._cancelled:
                self._ready.append(handle)

    def _unwind(self, process: Process) -> None:
        """Let the dead process's frames end; by now nothing that they do reaches anybody."""
        for act in process.at_death:
            act()
        if process in self._ready.waiting:
            self._ready.waiting.remove(process)
        process.unwinds = True
        for _ in range(UNWINDING_ROUNDS):
            pending = [task for task in process.tasks if not task.done()]
            if not pending:
                break
            for task in pending:
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                task.cancel()
            while process.ready:
                handle = process.ready.popleft()
                if not handle._cancelled:
                    handle._run()
        process.unwinds = False
        process.ready.clear()

    def _asyncgen_finalizer_hook(self, agen: Any) -> None:
        """Do nothing: when garbage is collected must not matter."""

    def _process_events(self, event_list: Any) -> None:
        """Do nothing: there are no sockets."""

    def _write_to_self(self) -> None:
        """Do nothing: nobody sleeps."""


_NOWHERE: Final = contextvars.Context()
