from picshapes_api.core.catalogue_view import ServingWorker, models_body, tiers_body
from picshapes_crds.catalogue import Catalogue

REAL = Catalogue.load("real")
BOTH = frozenset({"z-image-turbo", "flux-schnell"})


def test_tiers_have_the_default_models_figures() -> None:
    assert tiers_body(REAL)["tiers"]["pro"] == {
        "name": "Pro",
        "description": "Up to 1440 px",
        "max_width": 1440,
        "max_height": 1440,
        "max_steps": 8,
        "default_width": 1440,
        "default_height": 1440,
        "default_steps": 8,
        "credits": 3,
        "min_vram": 23,
    }
    assert list(tiers_body(REAL)["tiers"]) == ["basic", "pro", "premium"]


def test_a_model_has_its_own_figures() -> None:
    flux = models_body(REAL, [])["models"]["flux-schnell"]
    assert (flux["tier_configs"]["pro"]["max_width"], flux["optimal_steps"], flux["is_default"]) == (
        1280,
        4,
        False,
    )
    assert models_body(REAL, [])["default_model"] == "z-image-turbo"


def test_without_workers_nothing_is_available_and_all_keys_are_there() -> None:
    model = models_body(REAL, [])["models"]["z-image-turbo"]
    assert (model["available"], model["worker_count"]) == (False, 0)
    nothing = {"available": False, "worker_count": 0}
    assert model["tiers"] == {"basic": nothing, "pro": nothing, "premium": nothing}


def test_a_worker_counts_for_the_tiers_whose_largest_picture_fits() -> None:
    # z-image-turbo needs 19,572 + 768 MiB and 1,100 a megapixel: 21,494 basic, 22,621 pro, 22,936 premium.
    workers = [ServingWorker(dict.fromkeys(BOTH, mib)) for mib in (21_494, 22_621, 81_559)]
    models = models_body(REAL, workers)["models"]
    turbo = models["z-image-turbo"]
    assert {tier: one["worker_count"] for tier, one in turbo["tiers"].items()} == {
        "basic": 3,
        "pro": 2,
        "premium": 1,
    }
    assert (turbo["available"], turbo["worker_count"]) == (True, 3)
    assert models["flux-schnell"]["worker_count"] == 1


def test_a_worker_without_the_model_does_not_count() -> None:
    workers = [ServingWorker({"flux-schnell": 81_559})]
    assert models_body(REAL, workers)["models"]["z-image-turbo"]["worker_count"] == 0
