"""A ledger of all claims that a watch has shown, which finds those that should not have been."""

from collections import Counter
from typing import Final

from picshapes_crds.cluster import Json
from picshapes_crds.phases import Phase
from picshapes_crds.scheduling.fit import PLACES

_HELD: Final = (Phase.CLAIMED.value, Phase.PROCESSING.value)


class ClaimLedger:
    """What each job was last seen as, and whom it was given to; every change must be shown, in its order."""

    def __init__(self) -> None:
        self.held: dict[str, Json] = {}
        """Jobs that a worker holds, by uid, the oldest claim first."""
        self.claims = 0
        self.double: list[str] = []
        """A sentence for each claim that should not have been."""
        self._places: Counter[str] = Counter()

    def see(self, job: Json) -> bool:
        """Take in a job as it is now, and say whether this is a new claim."""
        uid, status = job["metadata"]["uid"], job["status"]
        before = self.held.pop(uid, None)
        if before:
            self._places[before["status"]["workerID"]] -= 1
        if status["phase"] not in _HELD:
            return False
        self.held[uid] = job
        self._places[status["workerID"]] += 1
        if before and before["status"]["attempt"] == status["attempt"]:
            return False
        self.claims += 1
        if before:
            self.double.append(f"{uid} was claimed while {before['status']['workerName']} held it")
        if self._places[status["workerID"]] > PLACES:
            self.double.append(f"{status['workerName']} was given {uid} above its {PLACES} places")
        return True
