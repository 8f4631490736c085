"""Word-level tokenizers for the three text encoders, in the format that transformers loads.

Each ends its text with special words of ours, so that a prompt of any length keeps them: CLIP reads its
pooled vector at END, T5 and Qwen3 write what they understood into SLOTS.
"""

from typing import Any, Final

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from training.vocabulary import BEGIN, END, PAD, SLOTS, UNKNOWN, all_words

CLIP_LENGTH: Final = 77
T5_LENGTH: Final = 512
QWEN_LENGTH: Final = 512

# The pipeline passes `enable_thinking`, which a template may ignore. The slots are the "generation
# prompt": they come last because Qwen3 is causal, and only the last tokens have seen the whole text.
_CHAT_TEMPLATE: Final = (
    "{% for message in messages %}{{ message['content'] }} {% endfor %}"
    "{% if add_generation_prompt %}" + "".join(SLOTS) + "{% endif %}"
)


def word_ids() -> dict[str, int]:
    """Each word's token id."""
    return {word: index for index, word in enumerate(all_words())}


def clip_tokenizer() -> Any:
    """BEGIN text END, padded to 77."""
    return _word_tokenizer(f"{BEGIN} $A {END}", CLIP_LENGTH, truncation_side="right")


def t5_tokenizer() -> Any:
    """Text, the four slots, END."""
    return _word_tokenizer(f"$A {' '.join(SLOTS)} {END}", T5_LENGTH, truncation_side="right")


def qwen_tokenizer() -> Any:
    """Text as its chat template renders it; too long a text loses its beginning, never the slots."""
    tokenizer = _word_tokenizer("$A", QWEN_LENGTH, truncation_side="left")
    tokenizer.chat_template = _CHAT_TEMPLATE
    return tokenizer


def _word_tokenizer(template: str, length: int, truncation_side: str) -> Any:
    ids = word_ids()
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[(word, ids[word]) for word in (BEGIN, END, *SLOTS)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=length,
        truncation_side=truncation_side,
        padding_side="right",
        unk_token=UNKNOWN,
        pad_token=PAD,
        bos_token=BEGIN,
        eos_token=END,
        additional_special_tokens=list(SLOTS),
    )
