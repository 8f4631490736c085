"""The two models at full size with random weights: as fast as trained ones, with nothing to download.

What they take of a card's memory before any card has measured it is computed here, and stands in the `real`
catalogue as `computed`. The figures are those of the public configurations (FLUX.1-schnell, Z-Image-Turbo).
"""

import math
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from transformers import AutoTokenizer, CLIPTextConfig, CLIPTextModel, Qwen3Config, Qwen3Model, T5Config
from transformers import T5EncoderModel as T5Encoder

FLUX: Final = "flux-schnell"
Z_IMAGE: Final = "z-image-turbo"
BYTES: Final = 2
"""Of a number in bfloat16."""
MIB: Final = 2**20


def flux_transformer() -> Any:
    """Build FLUX.1-schnell's transformer: 19 double and 38 single blocks of width 3,072."""
    return FluxTransformer2DModel(guidance_embeds=False)


def z_image_transformer() -> Any:
    """Build Z-Image-Turbo's transformer: 30 blocks of width 3,840."""
    return ZImageTransformer2DModel()


def t5_xxl() -> Any:
    """Build Flux's second text encoder."""
    return T5Encoder(
        T5Config(
            vocab_size=32_128,
            d_model=4096,
            d_kv=64,
            d_ff=10_240,
            num_layers=24,
            num_heads=64,
            feed_forward_proj="gated-gelu",
            is_encoder_decoder=False,
            use_cache=False,
        )
    )


def clip_l() -> Any:
    """Build Flux's first text encoder."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=49_408,
            hidden_size=768,
            intermediate_size=3072,
            num_hidden_layers=12,
            num_attention_heads=12,
            projection_dim=768,
        )
    )


def qwen3_4b() -> Any:
    """Build Z-Image's text encoder."""
    return Qwen3Model(
        Qwen3Config(
            vocab_size=151_936,
            hidden_size=2560,
            intermediate_size=9728,
            num_hidden_layers=36,
            num_attention_heads=32,
            num_key_value_heads=8,
            head_dim=128,
            use_cache=False,
        )
    )


def autoencoder() -> Any:
    """Build the autoencoder that both share: 8-fold, 16 latent channels."""
    channels = (128, 256, 512, 512)
    return AutoencoderKL(
        block_out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * len(channels),
        up_block_types=("UpDecoderBlock2D",) * len(channels),
        layers_per_block=2,
        latent_channels=16,
        use_quant_conv=False,
        use_post_quant_conv=False,
        scaling_factor=0.3611,
        shift_factor=0.1159,
        force_upcast=False,
    )


PARTS: Final[dict[str, dict[str, Callable[[], Any]]]] = {
    FLUX: {
        "transformer": flux_transformer,
        "text_encoder": clip_l,
        "text_encoder_2": t5_xxl,
        "vae": autoencoder,
    },
    Z_IMAGE: {"transformer": z_image_transformer, "text_encoder": qwen3_4b, "vae": autoencoder},
}
SHIFT: Final = {FLUX: 1.0, Z_IMAGE: 3.0}


def weights_mib(model: str) -> int:
    """Return what a model's weights take in bfloat16, in MiB, rounded up; builds nothing in memory."""
    with torch.device("meta"):
        numbers: int = sum(one.numel() for build in PARTS[model].values() for one in build().parameters())
    return math.ceil(numbers * BYTES / MIB)


def write_full_size(model: str, folder: Path, kind: str) -> None:
    """Write a model with random weights in diffusers' format: 20 or 33 GB; made on a device of this kind.

    Its tokenizers are the demo's: what words become is of no matter to its speed.
    """
    demo = Path(str(files("picshapes_worker") / "demo_weights" / model))
    with torch.device(kind):
        parts = {name: build().to(torch.bfloat16) for name, build in PARTS[model].items()}
    names = {"text_encoder": "tokenizer", "text_encoder_2": "tokenizer_2"}
    for part, name in names.items():
        if part in parts:
            parts[name] = AutoTokenizer.from_pretrained(demo / name)
    scheduler = FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=SHIFT[model])
    pipeline: Any = FluxPipeline if model == FLUX else ZImagePipeline
    pipeline(scheduler=scheduler, **parts).save_pretrained(folder, safe_serialization=True)
