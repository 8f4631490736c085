"""A worker process takes a claimed job to its end."""

import hashlib

from tests.worker.process.conftest import Station

from picshapes_crds.phases import ConditionType, Phase


def ended(job: object) -> bool:
    return job.status.phase in (Phase.COMPLETED, Phase.FAILED)  # type: ignore[attr-defined]


async def test_a_claimed_job_is_completed_and_its_picture_stored(station: Station) -> None:
    worker = await station.start("w", {"PICSHAPES_PUBLIC_URL": "https://pictures.example/"})
    job = await station.claim(await station.create("a", seed=7), worker)

    done = await station.until("a", ended)

    assert done.status.phase is Phase.COMPLETED
    result = done.status.result
    assert result is not None
    assert result.key == f"{job.metadata.uid}/1.png"
    content = (worker.storage / result.key).read_bytes()
    assert result.sha256 == hashlib.sha256(content).hexdigest()
    assert result.bytes == len(content)
    assert result.content_type == "image/png"
    assert done.status.result_url == f"https://pictures.example/results/{job.metadata.uid}.png"
    assert (done.status.seed, done.status.progress) == (7, "4/4")
    assert [one.type for one in done.status.conditions or []] == [
        ConditionType.COMPLETE,
        ConditionType.FINISHED,
        ConditionType.SCHEDULED,
    ]
