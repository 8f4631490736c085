"""The kinds of faults, how often each is drawn, and how often each has struck."""

import random
from collections import Counter
from enum import StrEnum


class Fault(StrEnum):
    """What goes wrong. Each kind can be switched off, which is how a failing run is made smaller."""

    CALL_REFUSED = "call fails before it takes effect"
    ANSWER_LOST = "call takes effect and its answer is lost"
    CALL_SLOW = "call takes seconds either way"
    LAGGING = "every request of a process takes seconds to arrive, for a while"
    CALL_REPEATED = "call arrives twice"
    WATCH_SLOW = "watch tells late"
    WATCH_REORDERED = "objects are told of in another order"
    WATCH_REPEATED = "watch tells twice"
    WATCH_BROKEN = "watch ends with an error"
    WATCH_SILENT = "watch goes silent"
    WATCH_EXPIRED = "watch is too old"
    OPERATOR_KILLED = "operator killed"
    API_KILLED = "API killed"
    WORKER_KILLED = "worker killed, its container restarted in the same pod"
    STOPPED = "process stopped for a while"
    PARTITIONED = "process cut off from the API server and returning"
    DENIED = "workers denied everything in a neighbour's namespace for a while"
    TWINS = "second process under one pod's name while the first lives"
    POD_DELETED = "worker's pod deleted"
    POD_REPLACED = "worker's pod deleted and made again under its name"
    DRAINED = "worker told to end"
    CLOCK_SET = "wall clock set"
    LEASE_LOST = "Lease taken away while held"
    JOB_REPLACED = "job deleted and made again under its name"
    JOB_DELETED = "job deleted"
    STORE_REFUSED = "store fails before it takes effect"
    STORE_UNANSWERED = "store takes effect and its answer is lost"
    ENGINE_FAILED = "engine fails"
    DATABASE_FAILED = "database fails before the commit"
    COMMIT_UNANSWERED = "commit takes effect and its answer is lost"
    SUBMISSION_REPEATED = "client sends a submission again"


class Faults:
    """Draws faults while they are on."""

    def __init__(self, rng: random.Random, without: frozenset[Fault]) -> None:
        self._rng, self._without = rng, without
        self.on = True
        self.struck: Counter[Fault] = Counter()
        self.rate = rng.choice((0.3, 1.0, 1.0, 2.5))
        """How bad this run is, against a usual one."""

    def draw(self, fault: Fault, chance: float) -> bool:
        """Say whether a fault strikes here; `chance` is that of a usual run."""
        if not self.on or self._rng.random() >= chance * self.rate or fault in self._without:
            return False
        self.struck[fault] += 1
        return True

    def allows(self, fault: Fault) -> bool:
        """Say whether a planned fault may strike, and count it if so."""
        if not self.on or fault in self._without:
            return False
        self.struck[fault] += 1
        return True
