"""The transformers' blocks in 8-bit floats, as cards multiply them; the same products run on a CPU, slowly."""

import numpy as np
import pytest
import torch

from picshapes_crds.catalogue import Catalogue
from picshapes_worker.device import Device
from picshapes_worker.engine import DeviceUnavailableError, Request
from picshapes_worker.engines.diffusers import DiffusersEngine
from picshapes_worker.engines.float8 import Float8Linear, check_card, to_float8
from picshapes_worker.engines.tuning import Wishes
from training.measure import measure
from training.scenes import Scene, Shape

DEMO = Catalogue.load("demo").models
CPU = Device("cpu", "2 CPU cores", 16_384)
CARD = Device("cuda", "NVIDIA Test", 16_384)


def test_a_layer_in_8_bits_gives_the_product_within_its_precision() -> None:
    chance = torch.Generator().manual_seed(1)
    linear = torch.nn.Linear(256, 64, bias=False).bfloat16()
    with torch.no_grad():
        linear.weight.copy_(torch.randn(64, 256, generator=chance) * torch.logspace(-4, 2, 64)[:, None])
    tokens = torch.randn(2, 100, 256, generator=chance).bfloat16()
    exact, made = linear(tokens).float(), Float8Linear(linear)(tokens).float()

    assert made.shape == (2, 100, 64)
    error = (made - exact).square().mean((0, 1)).sqrt() / exact.square().mean((0, 1)).sqrt()
    assert error.max() < 1 / 16  # the step of e4m3; each row has its own scale, whatever its size
    assert error.max() > 0


def test_a_row_of_zeros_stays_one() -> None:
    linear = torch.nn.Linear(32, 16, bias=False).bfloat16()
    torch.nn.init.zeros_(linear.weight)

    assert not Float8Linear(linear)(torch.zeros(3, 32).bfloat16()).any()


@pytest.mark.parametrize("model", sorted(DEMO))
def test_the_demo_weights_draw_what_the_prompt_says_in_8_bits_too(model: str) -> None:
    engine = DiffusersEngine(DEMO, CPU)
    engine.load(model)
    transformer = engine._pipelines[model].transformer
    assert to_float8(transformer) > 0
    kept = [name for name, one in transformer.named_modules() if isinstance(one, torch.nn.Linear)]
    assert any("norm" in name or "adaLN" in name for name in kept)
    prompt, scene = "a blue star on a yellow background", Scene("yellow", (Shape("blue", "star"),))
    asked = Request(model, prompt, None, 512, 512, steps=DEMO[model].steps, seed=1)
    facts = measure(np.asarray(engine.generate(asked, lambda _: None).image), scene)

    assert (facts.background, facts.colour_in_place, facts.outline) == (True, True, True)


def test_a_cpu_is_refused_with_what_to_do() -> None:
    with pytest.raises(
        DeviceUnavailableError,
        match=r"PICSHAPES_PRECISION=fp8 needs a card of compute capability 8\.9 .*run on a CPU: set it to bf16",
    ):
        DiffusersEngine(DEMO, CPU, Wishes(float8=True))


@pytest.mark.parametrize(
    ("capability", "taken"), [((8, 0), False), ((8, 9), True), ((9, 0), True), ((12, 0), True)]
)
def test_cards_are_told_apart_by_their_compute_capability(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], *, taken: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    if taken:
        check_card(CARD)
        return
    with pytest.raises(DeviceUnavailableError, match=r"but the NVIDIA Test here has 8\.0: set it to bf16"):
        check_card(CARD)
