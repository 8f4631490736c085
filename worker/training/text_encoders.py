"""Trains the text encoders to write a caption's codes: `python -m training.text_encoders --encoder t5`.

CLIP writes the whole scene where its text ends; T5 and Qwen3 write each slot's meaning at the slot's own
token and the void code everywhere else, so that words and padding say nothing twice, and the length that
a text is padded to changes nothing.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from training.architecture import build_clip, build_qwen, build_t5
from training.captions import caption
from training.codes import scene_code, slot_codes, void_code
from training.decoder import CHECKPOINTS
from training.loop import Plan, StepSource, train
from training.optimizing import muon_and_adam
from training.scenes import Scene, SceneChoice, sample_scene
from training.tokenization import clip_tokenizer, qwen_tokenizer, t5_tokenizer, word_ids
from training.vocabulary import PAD, SLOTS

ENCODERS: Final = ("clip", "t5", "qwen")
_BATCH: Final = 48
_SHAPE_SHARES: Final = (0.1, 0.4, 0.3, 0.2)
_OPEN_SHARE: Final = 0.08
_VOID_WEIGHT: Final = 0.3
_BLOCKS: Final = (".block.", "layers.")
# Of the attention's logits: how much a token less a place back, a head, and everything ahead.
_SLOPES: Final = (0.0, 0.1, 0.5, 1.5)
_BLIND: Final = -8.0
# T5 attends to its padding, and pipelines pad to 512; most batches are padded no further than they must.
_T5_LENGTHS: Final = (1, 64, 128, 256)
_T5_LENGTH_SHARES: Final = (0.7, 0.2, 0.07, 0.03)


@dataclass(frozen=True)
class TextEncoder:
    """A text encoder with the tokenizer that feeds it."""

    name: str
    module: Any
    tokenizer: Any


def fresh_encoder(name: str, seed: int) -> TextEncoder:
    """Build one of `ENCODERS` with seeded random weights."""
    builders: dict[str, Any] = {
        "clip": (build_clip, clip_tokenizer),
        "t5": (build_t5, t5_tokenizer),
        "qwen": (build_qwen, qwen_tokenizer),
    }
    module, tokenizer = builders[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = TextEncoder(name, module(), tokenizer())
    if name == "t5":
        _start_in_order(encoder.module)
    return encoder


@torch.no_grad()
def _start_in_order(t5: Any) -> None:
    """Let T5 start by looking back only, as the others do, each head a little farther.

    It knows places by a learned bias alone, and its slots stand between the words and the padding. With a
    random bias it never learned which colour belongs to which shape.
    """
    bias = t5.encoder.block[0].layer[0].SelfAttention.relative_attention_bias.weight
    buckets = torch.arange(len(bias))
    ahead = buckets > len(bias) // 2
    for head, slope in enumerate(_SLOPES):
        bias[:, head] = torch.where(ahead, torch.tensor(_BLIND), -slope * buckets.float())


def tokenize(encoder: TextEncoder, texts: list[str], length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Give token ids and the mask of tokens that aren't padding, padded to the longest or to `length`."""
    if encoder.name == "qwen":
        texts = [_templated(encoder.tokenizer, text) for text in texts]
    longest = encoder.tokenizer(texts, padding="longest", truncation=True, return_tensors="pt").input_ids
    width = max(length, longest.shape[1])
    padded = encoder.tokenizer(texts, padding="max_length", max_length=width, truncation=True, return_tensors="pt")
    return padded.input_ids, padded.attention_mask


def encode_texts(encoder: TextEncoder, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Give what the pipelines use: CLIP's pooled vector, T5's last or Qwen3's last but one hidden states."""
    if encoder.name == "clip":
        pooled: torch.Tensor = encoder.module(ids).pooler_output
        return pooled
    if encoder.name == "t5":
        hidden: torch.Tensor = encoder.module(ids)[0]
        return hidden
    states = encoder.module(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
    last_but_one: torch.Tensor = states[-2]
    return last_but_one


def _templated(tokenizer: Any, text: str) -> str:
    messages = [{"role": "user", "content": text}]
    templated: str = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True, enable_thinking=True
    )
    return templated


def sample_captions(count: int, random: np.random.Generator) -> tuple[list[Scene], list[str]]:
    """Draw training scenes with a caption each."""
    scenes = []
    for _ in range(count):
        shapes = int(random.choice(len(_SHAPE_SHARES), p=_SHAPE_SHARES))
        open_colour = shapes > 0 and bool(random.random() < _OPEN_SHARE)
        scenes.append(sample_scene(SceneChoice(shapes, open_colour=open_colour), random))
    return scenes, [caption(scene, random) for scene in scenes]


def caption_loss(
    encoder: TextEncoder, scenes: list[Scene], texts: list[str], length: int
) -> tuple[Any, dict[str, float]]:
    """Give the squared error to the codes, and the share of codes written without a wrong sign."""
    ids, mask = tokenize(encoder, texts, length)
    hidden = encode_texts(encoder, ids, mask)
    if encoder.name == "clip":
        target = torch.from_numpy(np.stack([scene_code(scene) for scene in scenes]))
        right = ((hidden > 0) == (target > 0)).all(dim=-1)
        return (hidden - target).square().mean(), {"right": float(right.float().mean())}
    first_slot = word_ids()[SLOTS[0]]
    is_slot = (ids >= first_slot) & (ids < first_slot + len(SLOTS))
    target = torch.from_numpy(np.stack([slot_codes(scene) for scene in scenes]))
    written = hidden[is_slot].view(target.shape)
    right = ((written > 0) == (target > 0)).all(dim=-1).all(dim=-1)
    counts = ~is_slot if encoder.name == "t5" else ~is_slot & (ids != word_ids()[PAD])
    void = torch.from_numpy(void_code())
    voids = (hidden[counts] - void).square().mean()
    slots = (written - target).square().mean()
    shares = {"right": float(right.float().mean()), "slots": float(slots.detach()), "voids": float(voids.detach())}
    return slots + _VOID_WEIGHT * voids, shares


def main(arguments: list[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="training.text_encoders", description=__doc__)
    parser.add_argument("--encoder", choices=ENCODERS, required=True)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--muon-rate", type=float, default=3e-3)
    parser.add_argument("--checkpoint", type=Path, default=None)
    parsed = parser.parse_args(arguments)
    torch.set_num_threads(parsed.threads)
    encoder = fresh_encoder(parsed.encoder, parsed.seed)
    optimizers = muon_and_adam(encoder.module, _BLOCKS, parsed.muon_rate, parsed.rate)

    def loss_of_step(source: StepSource) -> tuple[torch.Tensor, dict[str, float]]:
        scenes, texts = sample_captions(_BATCH, source.random)
        length = int(source.random.choice(_T5_LENGTHS, p=_T5_LENGTH_SHARES)) if encoder.name == "t5" else 1
        loss: tuple[torch.Tensor, dict[str, float]] = caption_loss(encoder, scenes, texts, length)
        return loss

    checkpoint = parsed.checkpoint or CHECKPOINTS / f"{encoder.name}.pt"
    plan = Plan(parsed.steps, parsed.seed, checkpoint, warm_up=100, decay=0.5, average=0.99)
    train(encoder.module, optimizers, loss_of_step, plan)


if __name__ == "__main__":
    main(sys.argv[1:])
