"""Jobs that make no sense to this program, as those of a newer version of PicShapes: they are left alone."""

from collections.abc import Container

from picshapes_crds.cluster import Json
from picshapes_operator.snapshot import JobId


class UnreadableJobs:
    """Where each such job is, and the version of it that was told of: its watch is not dead."""

    def __init__(self) -> None:
        self._seen: dict[JobId, tuple[str, int]] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def put(self, metadata: Json) -> None:
        """Take one in."""
        self._seen[metadata["uid"]] = metadata["namespace"], int(metadata["resourceVersion"])

    def version(self, uid: JobId) -> int:
        """Return the version that was seen; 0 for one that was not."""
        return self._seen[uid][1] if uid in self._seen else 0

    def keep(self, uids: Container[JobId], namespaces: Container[str]) -> None:
        """Drop those of some namespaces that a LIST of them did not show."""
        self._seen = {uid: seen for uid, seen in self._seen.items() if uid in uids or seen[0] not in namespaces}
