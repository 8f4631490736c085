"""What the public models take of a card's memory, computed from their own parts until one measures it."""

import pytest

from picshapes_cli.bench.gpu_architectures import weights_mib
from picshapes_crds.catalogue import Catalogue

REAL = Catalogue.load("real").models


@pytest.mark.parametrize(("model", "mib"), [("flux-schnell", 32_159), ("z-image-turbo", 19_572)])
def test_the_catalogue_has_the_weights_of_the_full_size_architecture(model: str, mib: int) -> None:
    assert weights_mib(model) == mib
    assert REAL[model].vram.base_mib == mib


def test_what_no_card_has_measured_is_marked() -> None:
    assert {model.vram.source for model in REAL.values()} == {"computed"}
