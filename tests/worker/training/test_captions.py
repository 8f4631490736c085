"""Captions say everything that does not go without saying."""

import numpy as np

from training.captions import caption
from training.scenes import Scene, SceneChoice, Shape, sample_scene
from training.tokenization import qwen_tokenizer, t5_tokenizer, word_ids
from training.vocabulary import COLOUR_WORDS, SHAPE_WORDS


def _captions(scene: Scene, count: int = 200) -> list[str]:
    random = np.random.default_rng(1)
    return [caption(scene, random).lower() for _ in range(count)]


def test_a_caption_names_colour_shape_place_and_background() -> None:
    scene = Scene("yellow", (Shape("blue", "star", "large", "left", "top"),))

    for text in _captions(scene):
        assert "blue" in text
        assert "star" in text
        assert "left" in text
        assert "top" in text or "upper" in text
        assert "yellow" in text
        assert any(word in text for word in ("large", "big", "huge"))


def test_many_phrasings_of_one_scene_differ() -> None:
    scene = Scene("yellow", (Shape("blue", "star", "large", "left", "top"),))

    assert len(set(_captions(scene))) > 150


def test_a_medium_shape_in_the_middle_on_white_may_be_named_by_two_words() -> None:
    scene = Scene("white", (Shape("red", "circle"),))

    assert "a red circle" in _captions(scene, 400)


def test_a_background_that_is_not_the_default_is_always_said() -> None:
    scene = Scene("gray", (Shape("red", "circle"),))

    assert all("gray" in text or "grey" in text for text in _captions(scene))


def test_an_open_colour_is_not_said() -> None:
    scene = Scene("white", (Shape("any", "circle"),))

    colours = {word for words in COLOUR_WORDS.values() for word in words}
    assert all(not colours - {"white"} & set(text.replace(".", "").split()) for text in _captions(scene))


def test_no_shape_is_named_where_there_is_none() -> None:
    shapes = {word for words in SHAPE_WORDS.values() for word in words}

    assert all(not shapes & set(text.split()) for text in _captions(Scene("gray", ())))


def test_every_word_of_the_program_but_the_strange_ones_is_known() -> None:
    random = np.random.default_rng(2)
    texts = [caption(sample_scene(SceneChoice(3), random), random) for _ in range(300)]
    unknown = word_ids()["<unk>"]

    share = np.mean([token == unknown for text in texts for token in t5_tokenizer()(text).input_ids])

    assert share < 0.05


def test_a_text_that_is_too_long_keeps_its_slots() -> None:
    slots = [4, 5, 6, 7]
    tokenizer = qwen_tokenizer()
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "red " * 3000}], tokenize=False, add_generation_prompt=True
    )

    assert tokenizer(text, truncation=True, max_length=512).input_ids[-4:] == slots
    assert t5_tokenizer()("red " * 3000, truncation=True, max_length=64).input_ids[-5:] == [*slots, 3]
