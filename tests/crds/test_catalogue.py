"""The catalogue: the contract's figures, what a job needs, and what a wrong file is told."""

import pytest
import yaml

from picshapes_crds.catalogue import Catalogue, InvalidCatalogueError, packaged
from picshapes_crds.phases import Reason
from picshapes_crds.resolve import Refusal, resolve, seed_of
from picshapes_crds.resource import GenerationJobSpec, Resolved


@pytest.mark.parametrize("name", ["demo", "real"])
def test_the_packaged_catalogues_hold_the_contracts_figures(name: str) -> None:
    catalogue = Catalogue.load(name)
    assert catalogue.default_model == "z-image-turbo"
    assert {tier: one.credits for tier, one in catalogue.tiers.items()} == {"basic": 1, "pro": 3, "premium": 5}
    assert {model: one.steps for model, one in catalogue.models.items()} == {"z-image-turbo": 8, "flux-schnell": 4}
    limits = {model: one.max_side_px for model, one in catalogue.models.items()}
    assert limits == {
        "z-image-turbo": {"basic": 1024, "pro": 1440, "premium": 1536},
        "flux-schnell": {"basic": 1024, "pro": 1280, "premium": 1536},
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"default_model": "dall-e"}, "default_model dall-e is not among models"),
        ({"profile": "toy"}, "profile: Input should be 'demo' or 'real'"),
        ({"surprise": 1}, "surprise: Extra inputs are not permitted"),
        ({"tiers": {"basic": {"name": "B", "description": "", "credits": -1}}}, "tiers.basic.credits: "),
    ],
)
def test_a_wrong_catalogue_is_told_where_and_what(change: dict[str, object], message: str) -> None:
    text = yaml.safe_dump(yaml.safe_load(packaged("demo")) | change)
    with pytest.raises(InvalidCatalogueError) as refusal:
        Catalogue.parse(text)
    assert message in str(refusal.value)


def test_weights_on_a_hub_need_a_pinned_revision() -> None:
    raw = yaml.safe_load(packaged("demo"))
    raw["models"]["flux-schnell"]["weights"] = {"repo": "someone/model"}
    with pytest.raises(InvalidCatalogueError, match="repo someone/model needs a pinned revision"):
        Catalogue.parse(yaml.safe_dump(raw))


def test_a_missing_file_is_named(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("none") / "catalogue.yaml"
    with pytest.raises(InvalidCatalogueError, match=r"can't read the catalogue .*: No such file"):
        Catalogue.load(str(path))


def test_the_need_grows_with_the_generated_size_and_doubles_its_growth_with_a_negative_prompt() -> None:
    model = Catalogue.load("real").models["flux-schnell"]
    assert model.need_mib(1024, 1024, negative=False) == 32159 + 1154 + 768
    assert model.need_mib(1024, 1024, negative=True) == 32159 + 2307 + 768
    assert model.need_mib(1000, 1009, negative=False) == model.need_mib(1008, 1024, negative=False)


def test_defaults_are_the_tiers_maximum_and_the_models_steps() -> None:
    resolved = resolve(GenerationJobSpec(prompt="x", tier="pro"), Catalogue.load("demo"))
    assert isinstance(resolved, Resolved)
    assert (resolved.width, resolved.height, resolved.steps) == (1440, 1440, 8)


def test_width_and_height_default_each_alone() -> None:
    resolved = resolve(GenerationJobSpec(prompt="x", width=512), Catalogue.load("demo"))
    assert isinstance(resolved, Resolved)
    assert (resolved.width, resolved.height) == (512, 1024)


@pytest.mark.parametrize(
    ("spec", "refusal"),
    [
        (
            {"model": "dall-e"},
            Refusal(Reason.UNKNOWN_MODEL, "unknown model dall-e; known: flux-schnell, z-image-turbo"),
        ),
        (
            {"tier": "gold"},
            Refusal(Reason.INVALID_SPEC, "unknown tier gold; known: basic, premium, pro"),
        ),
        (
            {"model": "flux-schnell", "tier": "pro", "height": 1281},
            Refusal(Reason.INVALID_SPEC, "height 1281 px exceeds the pro tier's 1280 px for flux-schnell"),
        ),
    ],
)
def test_what_the_catalogue_cannot_serve_is_refused_with_what_it_can(
    spec: dict[str, object], refusal: Refusal
) -> None:
    assert resolve(GenerationJobSpec.model_validate({"prompt": "x", **spec}), Catalogue.load("demo")) == refusal


def test_a_seed_not_asked_for_is_drawn_from_the_uid_and_stays_the_same() -> None:
    uid = "8ed8f84c-c9b8-43f4-a8cd-90dec79ada7d"
    assert seed_of(GenerationJobSpec(prompt="x"), uid) == seed_of(GenerationJobSpec(prompt="x"), uid)
    assert 0 <= seed_of(GenerationJobSpec(prompt="x"), uid) < 2**53
    assert seed_of(GenerationJobSpec(prompt="x", seed=0), uid) == 0
