"""Draws the transformers' training examples: latents, codes, noise and times, fresh for every step."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch

from training.architecture import LATENT_CHANNELS, MODELS, STEPS, TOKEN_PX, VAE_SCALE, build_scheduler
from training.codes import scene_code, slot_codes, void_code
from training.latents import encode_scene
from training.loop import StepSource
from training.scenes import ANY_COLOUR, MAX_SHAPES, OPEN_COLOURS, Scene, SceneChoice, sample_scene

_CODE_NOISE: Final = 0.05
_OPEN_SHARE: Final = 0.15
_SEED_DECIDES: Final = 0.7


@dataclass(frozen=True)
class Curriculum:
    """What a step's examples are like."""

    shape_shares: tuple[float, ...]
    """Of scenes with 0, 1, 2 and 3 shapes."""
    batches: tuple[tuple[int, int, int], ...]
    """Width and height in pixels, and how many scenes of that size."""


@dataclass(frozen=True)
class Example:
    """One batch of scenes of one size. `v` of Flux's pipeline is noise - clean."""

    scenes: list[Scene]
    clean: torch.Tensor
    """(scenes, 20, height / 32, width / 32)"""
    noise: torch.Tensor
    times: torch.Tensor
    """1 is all noise, (scenes,)"""
    slots: torch.Tensor
    """(scenes, 4, 128)"""
    pooled: torch.Tensor
    """(scenes, 128)"""

    @property
    def noisy(self) -> torch.Tensor:
        """The transformer's input."""
        time = self.times[:, None, None, None]
        return (1 - time) * self.clean + time * self.noise


def used_times(model: str) -> list[float]:
    """List the times at which the pipeline asks `model`, from 1 down."""
    if model not in MODELS:
        raise ValueError(f"no demo model named {model}")
    scheduler = build_scheduler(model)
    count = STEPS[model].count
    scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / count, count).tolist())
    return [float(sigma) for sigma in scheduler.sigmas[:-1]]


def sample_times(model: str, count: int, source: StepSource) -> torch.Tensor:
    """Draw times: half of them 1, where all that's known is the caption; most others as the pipeline uses."""
    later = used_times(model)[1:]
    kinds = source.random.random(count)
    exact = source.random.choice(later, size=count)
    anywhere = source.random.uniform(0.05, 1.0, size=count)
    times = np.where(kinds < 0.5, 1.0, np.where(kinds < 0.85, exact, anywhere))  # noqa: PLR2004 - the shares
    return torch.from_numpy(times).float()


def sample_scenes(count: int, shape_shares: tuple[float, ...], random: np.random.Generator) -> list[Scene]:
    """Draw training scenes."""
    scenes = []
    for _ in range(count):
        shapes = int(random.choice(MAX_SHAPES + 1, p=shape_shares))
        open_colour = shapes > 0 and bool(random.random() < _OPEN_SHARE)
        scenes.append(sample_scene(SceneChoice(shapes, open_colour=open_colour), random))
    return scenes


def decide_colour(scene: Scene, noise: torch.Tensor, random: np.random.Generator) -> Scene:
    """Paint a shape of open colour: as the noise's first token says, mostly, so that the seed decides.

    Not always: where the model stays unsure, guidance away from a colour can still move it.
    """
    if not scene.shapes or scene.shapes[0].colour != ANY_COLOUR:
        return scene
    choices = [colour for colour in OPEN_COLOURS if colour != scene.background]
    if random.random() < _SEED_DECIDES:
        votes = noise[: len(OPEN_COLOURS), 0, 0]
        colour = max(choices, key=lambda name: float(votes[OPEN_COLOURS.index(name)]))
    else:
        colour = str(random.choice(choices))
    return replace(scene, shapes=(replace(scene.shapes[0], colour=colour), *scene.shapes[1:]))


def sample_example(model: str, curriculum: Curriculum, batch: tuple[int, int, int], source: StepSource) -> Example:
    """Draw one batch."""
    width, height, count = batch
    if width % TOKEN_PX or height % TOKEN_PX:
        raise ValueError(f"{width}x{height} px are no multiples of {TOKEN_PX}")
    scenes = sample_scenes(count, curriculum.shape_shares, source.random)
    noise = torch.randn((count, LATENT_CHANNELS, height // VAE_SCALE, width // VAE_SCALE), generator=source.noise)
    painted = [decide_colour(scene, one, source.random) for scene, one in zip(scenes, noise, strict=True)]
    clean = torch.from_numpy(np.stack([encode_scene(scene, width, height) for scene in painted]))
    slots = torch.from_numpy(np.stack([slot_codes(scene) for scene in scenes]))
    pooled = torch.from_numpy(np.stack([scene_code(scene) for scene in scenes]))
    slots = slots + _CODE_NOISE * torch.randn(slots.shape, generator=source.noise)
    pooled = pooled + _CODE_NOISE * torch.randn(pooled.shape, generator=source.noise)
    return Example(scenes, clean, noise, sample_times(model, count, source), slots, pooled)


def text_tokens(slots: torch.Tensor, void_count: int, source: StepSource) -> torch.Tensor:
    """Put void tokens before the slots, as a text encoder's words are: (scenes, void_count + 4, 128)."""
    void = torch.from_numpy(void_code()).expand(len(slots), void_count, -1)
    void = void + _CODE_NOISE * torch.randn(void.shape, generator=source.noise)
    return torch.cat([void, slots], dim=1)
