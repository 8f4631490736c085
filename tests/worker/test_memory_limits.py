"""What a card has shown not to suffice for."""

from picshapes_worker.memory_limits import MemoryLimits


def test_a_limit_is_told_when_it_is_set_or_lowered_and_never_raised() -> None:
    told: list[dict[str, int]] = []
    limits = MemoryLimits(lambda limits: told.append(dict(limits)))
    limits.ran_out("flux-schnell", 33_000)
    limits.ran_out("flux-schnell", 34_000)
    limits.ran_out("z-image-turbo", 21_000)
    limits.ran_out("flux-schnell", 32_500)

    assert told == [
        {"flux-schnell": 32_999},
        {"flux-schnell": 32_999, "z-image-turbo": 20_999},
        {"flux-schnell": 32_499, "z-image-turbo": 20_999},
    ]
