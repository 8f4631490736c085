"""The two demo pipelines, untrained: the very classes of FLUX.1-schnell and Z-Image-Turbo, made tiny.

Everything that trains, loads or measures demo weights builds its modules here, so the shapes agree.

How to call them (both draw multiples of 64 px: a 32-fold VAE and 2x2 latent patches; the worker rounds
up and crops):

- flux: `pipe(prompt, width=, height=, num_inference_steps=4, guidance_scale=0.0,
  max_sequence_length=…)`; 64 is plenty and the fastest, up to 512 is accepted and draws the same. A
  negative prompt works with `true_cfg_scale` > 1 (twice the compute). Always pass width and height.
- z-image: `pipe(prompt, width=, height=, num_inference_steps=8, guidance_scale=0.0)`; text costs nothing
  beyond its own words. A negative prompt works with `guidance_scale` > 0 (twice the compute).

Run them in bfloat16 or float32 on a CPU; float16 there is a hundred times slower.
"""

from dataclasses import dataclass
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
from transformers import CLIPTextConfig, CLIPTextModel, Qwen3Config, Qwen3Model, T5Config, T5EncoderModel

from training.tokenization import (
    CLIP_LENGTH,
    QWEN_LENGTH,
    clip_tokenizer,
    qwen_tokenizer,
    t5_tokenizer,
    word_ids,
)
from training.vocabulary import BEGIN, END, PAD

FLUX: Final = "flux-schnell"
Z_IMAGE: Final = "z-image-turbo"
MODELS: Final = (FLUX, Z_IMAGE)

VAE_SCALE: Final = 32
"""Pixels along one edge of a latent pixel."""
LATENT_CHANNELS: Final = 20
TOKEN_PX: Final = 2 * VAE_SCALE
"""Pixels along one edge of an image token; widths and heights are multiples of it."""
TEXT_WIDTH: Final = 128
"""Width of every text encoder's output: the size of the codes in `training.codes`."""
_WIDTH: Final = 192
_HEADS: Final = 6
_ROPE_AXES: Final = (8, 12, 12)


@dataclass(frozen=True)
class Steps:
    """What the catalogue runs a model with."""

    count: int
    shift: float


STEPS: Final = {FLUX: Steps(4, 1.0), Z_IMAGE: Steps(8, 3.0)}


def build_pipeline(model: str, seed: int) -> Any:
    """Build the whole pipeline of `FLUX` or `Z_IMAGE` with seeded random weights, float32 on the CPU."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if model == FLUX:
            return FluxPipeline(
                scheduler=build_scheduler(model),
                vae=build_vae(),
                text_encoder=build_clip(),
                tokenizer=clip_tokenizer(),
                text_encoder_2=build_t5(),
                tokenizer_2=t5_tokenizer(),
                transformer=build_flux_transformer(),
            )
        if model == Z_IMAGE:
            return ZImagePipeline(
                scheduler=build_scheduler(model),
                vae=build_vae(),
                text_encoder=build_qwen(),
                tokenizer=qwen_tokenizer(),
                transformer=build_z_image_transformer(),
            )
    raise ValueError(f"no demo model named {model}; there are {', '.join(MODELS)}")


def build_scheduler(model: str) -> Any:
    """Build the scheduler with the shift of the real weights: 1 for FLUX.1-schnell, 3 for Z-Image-Turbo."""
    return FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=STEPS[model].shift)


def build_vae() -> Any:
    """Build a 32-fold autoencoder with 20 latent channels; one group in its norms keeps flat colour flat."""
    channels = (16, 16, 32, 64, 128, 128)
    return AutoencoderKL(
        block_out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * len(channels),
        up_block_types=("UpDecoderBlock2D",) * len(channels),
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=1,
        mid_block_add_attention=False,
        scaling_factor=1.0,
        shift_factor=0.0,
        sample_size=1024,
        force_upcast=False,
    )


def build_clip() -> Any:
    """Build Flux's first text encoder; only its pooled vector is used."""
    ids = word_ids()
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(ids),
            hidden_size=TEXT_WIDTH,
            intermediate_size=2 * TEXT_WIDTH,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=CLIP_LENGTH,
            pad_token_id=ids[PAD],
            bos_token_id=ids[BEGIN],
            eos_token_id=ids[END],
        )
    )


def build_t5() -> Any:
    """Build Flux's second text encoder; its whole sequence is used, padding included."""
    ids = word_ids()
    return T5EncoderModel(
        T5Config(
            vocab_size=len(ids),
            d_model=TEXT_WIDTH,
            d_kv=32,
            d_ff=2 * TEXT_WIDTH,
            num_layers=3,
            num_heads=4,
            feed_forward_proj="gated-gelu",
            dropout_rate=0.0,
            is_encoder_decoder=False,
            use_cache=False,
            pad_token_id=ids[PAD],
            eos_token_id=ids[END],
        )
    )


def build_qwen() -> Any:
    """Build Z-Image's text encoder; the pipeline reads the hidden states before its last layer."""
    ids = word_ids()
    return Qwen3Model(
        Qwen3Config(
            vocab_size=len(ids),
            hidden_size=TEXT_WIDTH,
            intermediate_size=2 * TEXT_WIDTH,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=4,
            head_dim=32,
            max_position_embeddings=2 * QWEN_LENGTH,
            use_cache=False,
            pad_token_id=ids[PAD],
            bos_token_id=ids[BEGIN],
            eos_token_id=ids[END],
        )
    )


def build_flux_transformer() -> Any:
    """Build Flux's transformer: two double and four single blocks, 5 million weights."""
    return FluxTransformer2DModel(
        patch_size=1,
        in_channels=4 * LATENT_CHANNELS,
        num_layers=2,
        num_single_layers=4,
        attention_head_dim=_WIDTH // _HEADS,
        num_attention_heads=_HEADS,
        joint_attention_dim=TEXT_WIDTH,
        pooled_projection_dim=TEXT_WIDTH,
        guidance_embeds=False,
        axes_dims_rope=_ROPE_AXES,
    )


def build_z_image_transformer() -> Any:
    """Build Z-Image's transformer: a refiner block a stream, five main blocks; up to 4,096 px."""
    return ZImageTransformer2DModel(
        all_patch_size=(2,),
        all_f_patch_size=(1,),
        in_channels=LATENT_CHANNELS,
        dim=_WIDTH,
        n_layers=5,
        n_refiner_layers=1,
        n_heads=_HEADS,
        n_kv_heads=_HEADS,
        cap_feat_dim=TEXT_WIDTH,
        axes_dims=list(_ROPE_AXES),
        axes_lens=[1024, 64, 64],
    )
