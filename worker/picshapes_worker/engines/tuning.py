"""What makes a pipeline faster, or lets it fit, without changing what it draws but for rounding.

`plan` is pure and says what is done; `tune` does it. What is for cards only has not been measured on one yet:
`picshapes bench gpu` does it.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

import torch

from picshapes_crds.catalogue import Model
from picshapes_worker.device import Device
from picshapes_worker.engines.float8 import to_float8


class Step(Enum):
    """One thing that is done to a loaded pipeline."""

    FUSE_QKV = auto()
    """One product in place of three in each attention."""
    CHANNELS_LAST = auto()
    """The decoder's convolutions in the layout that cards have kernels for."""
    FLOAT8 = auto()
    """The transformer's blocks in 8-bit floats: faster and half as large, at some cost in quality."""
    COMPILE_BLOCKS = auto()
    """The transformer's repeated blocks, compiled once for all sizes and lengths of captions, kept on disk."""
    TILE_DECODER = auto()
    """Decode in tiles: slower, and the decoder's need no longer grows with the picture."""


PARTS_OF_QKV: Final = ("to_q", "to_k", "to_v", "add_q_proj", "add_k_proj", "add_v_proj")
FOR_CARDS: Final = (Step.FUSE_QKV, Step.CHANNELS_LAST)


@dataclass(frozen=True)
class Wishes:
    """What the settings say of speed."""

    compiles: bool = True
    """Counts on cards only."""
    float8: bool = False


def plan(model: Model, device: Device, wishes: Wishes) -> list[Step]:
    """Return what is done to a model's pipeline on this device, in order."""
    steps = list(FOR_CARDS) if device.kind == "cuda" else []
    if model.pipeline != "FluxPipeline" and steps:
        steps.remove(Step.FUSE_QKV)  # Z-Image's attention in diffusers knows no fused product
    if wishes.float8:
        steps.append(Step.FLOAT8)
    if device.kind == "cuda" and wishes.compiles:
        steps.append(Step.COMPILE_BLOCKS)
    largest_px = max(model.max_side_px.values())
    if model.need_mib(largest_px, largest_px, negative=True) > device.memory_mib:
        steps.append(Step.TILE_DECODER)
    return steps


def tune(pipeline: Any, steps: list[Step]) -> None:
    """Do it to a pipeline that lies on its device."""
    for step in steps:
        match step:
            case Step.FUSE_QKV:
                _fuse(pipeline.transformer)
            case Step.CHANNELS_LAST:
                pipeline.vae.to(memory_format=torch.channels_last)
            case Step.FLOAT8:
                to_float8(pipeline.transformer)
            case Step.COMPILE_BLOCKS:
                # Dynamic: one graph serves every size and length, so that nothing is compiled while jobs wait.
                # What can't be compiled runs as it is: slower, but it runs.
                torch._dynamo.config.suppress_errors = True  # noqa: SLF001 - the library's public switch
                pipeline.transformer.compile_repeated_blocks(dynamic=True)
            case Step.TILE_DECODER:
                pipeline.vae.enable_tiling()


def _fuse(transformer: Any) -> None:
    """Put one product in place of three: diffusers keeps the three as well, which a card has no room for."""
    transformer.fuse_qkv_projections()
    for module in transformer.modules():
        if getattr(module, "fused_projections", False):
            for name in PARTS_OF_QKV:
                if hasattr(module, name):
                    delattr(module, name)


def set_precision() -> None:
    """Let float32 products use TF32, and convolutions the first good kernel: sizes change from job to job."""
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = False
