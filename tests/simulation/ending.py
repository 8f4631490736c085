"""The end of a run, once faults have stopped: every job ends in time, and nothing is lost or left over."""

import asyncio
from typing import Final

from picshapes_crds.cluster import JOBS, LEASES, Scope
from picshapes_crds.phases import TERMINAL, Phase

from .invariants import called
from .pods import NAMESPACE
from .world import World

BOUND_S: Final = 600.0
"""How long after the last fault every job must have ended; what the operator missed it finds in five minutes."""
TTL_BOUND_S: Final = 400.0
SHORT_TTL_S: Final = 1


async def await_ends(world: World) -> None:
    """Wait until every job has ended, for a bounded time."""
    until = world.loop.time() + BOUND_S
    while open_jobs := _open(world):
        if world.loop.time() >= until:
            world.checks.violated(f"{open_jobs[0]} has not ended {BOUND_S:g} s after the last fault")
            return
        await asyncio.sleep(1)


async def await_expiry(world: World) -> None:
    """Let all jobs expire, and wait until their resources are gone."""
    until = world.loop.time() + TTL_BOUND_S
    while True:
        _let_expire(world)
        left = _left_jobs(world) + _left_leases(world) + _left_pictures(world)
        if not left:
            return
        if world.loop.time() >= until:
            world.checks.violated(f"{left[0]} is still there")
            return
        await asyncio.sleep(1)


def _let_expire(world: World) -> None:
    """Shorten the life of all finished jobs: also of one whose creation lands only now, long after its end."""
    server = world.net.server
    for job in server.list_all(JOBS, Scope()).items:
        if job["spec"].get("ttlSecondsAfterFinished") != SHORT_TTL_S:
            body = {"spec": {"ttlSecondsAfterFinished": SHORT_TTL_S}}
            server.merge_patch(JOBS, job["metadata"]["namespace"], job["metadata"]["name"], body)


def _left_jobs(world: World) -> list[str]:
    jobs = world.net.server.list_all(JOBS, Scope(), metadata_only=True).items
    return [f"the finished {called(job)}" for job in jobs]


def _left_leases(world: World) -> list[str]:
    """Return the leases of workers that are gone; a process that outlives its pod makes its own anew."""
    leases = [one["metadata"] for one in world.net.server.list_all(LEASES, Scope(NAMESPACE)).items]
    names = [one["name"] for one in leases if "ownerReferences" in one]
    return [f"the lease {name} of a gone worker" for name in names if name not in world.cluster.pods]


def _left_pictures(world: World) -> list[str]:
    """Return the pictures of attempts that don't count, of workers that live and could delete them."""
    excused = world.checks.referenced | world.bucket.excused | world.net.unanswered
    alive = [key for key, process in world.bucket.objects.items() if process.alive]
    return [f"the picture {key} of no job" for key in alive if key not in excused]


def look_at_rest(world: World) -> None:
    """Judge what is left when nothing happens any more."""
    _look_at_ends(world)
    _look_at_leftovers(world)


def _open(world: World) -> list[str]:
    rows = world.database.execute("SELECT id FROM jobs WHERE closed_at_ms IS NULL ORDER BY id").fetchall()
    live = [life.name for life in world.checks.lives.values() if not (life.removed_by or life.phase in TERMINAL)]
    return [row[0] for row in rows] + live


def look_at_promises(world: World) -> None:
    """What the API has answered must be in its database."""
    known = {row[0] for row in world.database.execute("SELECT id FROM jobs").fetchall()}
    promises = world.workload.promises
    if lost := sorted(promises.accepted - known):
        world.checks.violated(f"the accepted job {lost[0]} is lost")
    for (user, key), ids in promises.by_key.items():
        if len(ids) > 1:
            world.checks.violated(f"user {user} got {len(ids)} jobs for the key {key}")


def _look_at_ends(world: World) -> None:
    """The database says of each job what became of its resource."""
    rows = world.database.execute("SELECT id, status, failure, result_sha256, resource_uid FROM jobs").fetchall()
    for job_id, status, failure, sha256, uid in rows:
        life = world.checks.lives.get(uid) if uid else None
        if life is None:
            # Ended without ever being seen in the cluster; a create on its way may have landed all the same.
            if failure not in ("Cancelled", "Deleted", "Refused"):
                world.checks.violated(f"job {job_id} is {status} ({failure}) and nobody saw its resource")
            continue
        if life.removed_by == "world":
            continue  # somebody deleted it; its end may have been seen or not
        expected = ("completed", None) if life.phase is Phase.COMPLETED else ("failed", life.reason)
        if (status, failure) != expected or sha256 != life.sha256:
            world.checks.violated(f"job {job_id} is {status} ({failure}) but its resource was {expected}")


def _look_at_leftovers(world: World) -> None:
    checks, bucket = world.checks, world.bucket
    for key in bucket.deleted:
        if key in checks.referenced:
            checks.violated(f"the picture {key} of a completed job was deleted")
