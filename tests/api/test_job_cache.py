"""What the cache of jobs hands to whoever acts on changes."""

import random
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from picshapes_api.cluster.job_cache import JobCache
from picshapes_crds import names
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import JOBS, Cluster, Event, Json, ObjectList, Reflector, Scope

NAME = "00000000-0000-4000-8000-00000000000a"


def resource(uid: str) -> Json:
    labels = {names.ORIGIN_LABEL: names.ORIGIN_API}
    metadata = {"name": NAME, "uid": uid, "labels": labels, "resourceVersion": "2"}
    return {"metadata": metadata, "spec": {}, "status": {"phase": "Pending"}}


class Replaced:
    """A cluster that shows one job; under its name another is made, and deleted as well."""

    async def list_all(self, *_: object) -> ObjectList:
        return ObjectList([resource("first")], "1")

    async def watch(self, *_: object) -> AsyncIterator[Event]:
        yield Event("DELETED", resource("first"))
        yield Event("ADDED", resource("second"))
        yield Event("DELETED", resource("second"))
        raise EndedError


class EndedError(Exception):
    """The test's cluster has told everything."""


async def test_two_resources_lost_one_after_another_are_both_told() -> None:
    cluster = cast("Cluster", cast("Any", Replaced()))
    cache = JobCache(Reflector(cluster, JOBS, Scope("here"), SystemClock(), random.Random(0)))
    with pytest.raises(EndedError):
        await cache.follow()
    assert set(cache.take_changes().deleted) == {"first", "second"}
