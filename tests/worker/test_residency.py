"""Which models stay in device memory."""

import pytest

from picshapes_crds.catalogue import Catalogue
from picshapes_worker.residency import Needs, evictions, preload

NEEDS = {"flux": 32_160, "z-image": 19_550, "small": 4_000}


@pytest.mark.parametrize(
    ("resident", "wanted", "memory_mib", "out"),
    [
        ([], "flux", 1_000, []),
        (["z-image"], "flux", 81_559, []),
        (["z-image"], "flux", 40_960, ["z-image"]),
        (["z-image", "small"], "flux", 40_960, ["z-image"]),
        (["small", "z-image"], "flux", 40_960, ["small", "z-image"]),
        (["flux", "z-image"], "flux", 40_960, ["z-image"]),
    ],
    ids=[
        "nothing to push out, even when it does not fit",
        "both fit",
        "only one fits",
        "the least recently used goes first",
        "as many as needed",
        "the one wanted stays",
    ],
)
def test_evictions(resident: list[str], wanted: str, memory_mib: int, out: list[str]) -> None:
    assert evictions(resident, wanted, NEEDS, memory_mib) == out


@pytest.mark.parametrize(
    ("memory_mib", "first"),
    [
        (81_559, ["flux", "z-image", "small"]),
        (40_960, ["flux", "small"]),
        (10_000, ["flux"]),
    ],
)
def test_models_are_loaded_at_start_in_their_order_while_they_fit(memory_mib: int, first: list[str]) -> None:
    assert preload(["flux", "z-image", "small"], NEEDS, memory_mib) == first


def test_what_a_model_took_counts_from_its_loading_on() -> None:
    needs = Needs(Catalogue.load("real").models)
    assert needs.to_draw(["z-image-turbo"], "flux-schnell") == {
        "z-image-turbo": 19_572,
        "flux-schnell": 32_159 + 1_100 + 768,
    }
    needs.loaded("z-image-turbo", 12_000)

    assert needs.to_draw(["z-image-turbo"], "flux-schnell")["z-image-turbo"] == 12_000
    assert needs.to_draw([], "z-image-turbo") == {"z-image-turbo": 12_000 + 1_100 + 768}
