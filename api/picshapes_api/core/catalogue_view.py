"""The catalogue as the contract shows it: tiers with their figures, models with what is there to serve them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from picshapes_crds.catalogue import MIB_PER_GIB, Catalogue, Model

JSON = dict[str, Any]


@dataclass(frozen=True)
class ServingWorker:
    """A worker that can take jobs now or after its current one."""

    memory_mib: Mapping[str, int]
    """For each model that it has: the largest need, in MiB, that fits it."""


def tiers_body(catalogue: Catalogue) -> JSON:
    """Return the contract's `TiersResponse`: the figures of the default model."""
    model = catalogue.models[catalogue.default_model]
    return {"tiers": {tier: tier_config(catalogue, model, tier) for tier in catalogue.tiers}}


def tier_config(catalogue: Catalogue, model: Model, tier_id: str) -> JSON:
    """Return the contract's `TierConfig` of one model; `min_vram` is whole GiB, rounded up, for display."""
    tier, side = catalogue.tiers[tier_id], model.max_side_px[tier_id]
    return {
        "name": tier.name,
        "description": tier.description,
        "max_width": side,
        "max_height": side,
        "max_steps": model.steps,
        "default_width": side,
        "default_height": side,
        "default_steps": model.steps,
        "credits": tier.credits,
        "min_vram": -(-model.need_mib(side, side, negative=False) // MIB_PER_GIB),
    }


def worker_count(model_id: str, model: Model, tier_id: str, workers: list[ServingWorker]) -> int:
    """Count the workers that have the model and fit the tier's largest picture."""
    side = model.max_side_px[tier_id]
    need = model.need_mib(side, side, negative=False)
    return sum(worker.memory_mib.get(model_id, 0) >= need for worker in workers)


def models_body(catalogue: Catalogue, workers: list[ServingWorker]) -> JSON:
    """Return the contract's `ModelsResponse`; a model's own availability is that of the default tier."""
    models: JSON = {}
    for model_id, model in catalogue.models.items():
        counts = {tier: worker_count(model_id, model, tier, workers) for tier in catalogue.tiers}
        models[model_id] = {
            "id": model_id,
            "name": model.name,
            "description": model.description,
            "optimal_steps": model.steps,
            "is_default": model_id == catalogue.default_model,
            "tier_configs": {tier: tier_config(catalogue, model, tier) for tier in catalogue.tiers},
            "available": counts[catalogue.default_tier] > 0,
            "worker_count": counts[catalogue.default_tier],
            "tiers": {tier: {"available": n > 0, "worker_count": n} for tier, n in counts.items()},
        }
    return {"models": models, "default_model": catalogue.default_model}
