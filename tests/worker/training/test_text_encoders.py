"""How the text encoders start."""

from training.text_encoders import fresh_encoder


def test_t5_starts_by_looking_back_only_each_head_a_little_farther() -> None:
    bias = fresh_encoder("t5", 0).module.encoder.block[0].layer[0].SelfAttention.relative_attention_bias.weight

    # Buckets 0-15 are the token itself and those before it, 17-31 those after it.
    assert (bias[17:] == -8.0).all()
    assert bias[4].tolist() == [0.0, -0.4000000059604645, -2.0, -6.0]
