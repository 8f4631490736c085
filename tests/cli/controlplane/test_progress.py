import io

from picshapes_cli.controlplane.progress import BuildProgress, Phase, StreamProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def compiling(done: int) -> BuildProgress:
    return BuildProgress(Phase.COMPILING, "compiling", done, 100)


def test_a_log_gets_a_line_now_and_then() -> None:
    now_s = 0.0
    stream = io.StringIO()
    progress = StreamProgress(stream, clock=lambda: now_s)
    for second in range(25):
        now_s = float(second)
        progress(compiling(second))

    assert stream.getvalue() == ("compiling (0 of 100)\ncompiling (10 of 100)\ncompiling (20 of 100)\n")


def test_a_log_gets_each_note_and_each_new_phase_at_once() -> None:
    stream = io.StringIO()
    progress = StreamProgress(stream, clock=lambda: 0.0)
    for event in (
        BuildProgress(Phase.NOTE, "not using a"),
        BuildProgress(Phase.NOTE, "not using b"),
        BuildProgress(Phase.DOWNLOADING, "downloading"),
        BuildProgress(Phase.DOWNLOADING, "downloading more"),
        compiling(0),
        BuildProgress(Phase.DONE, "built"),
    ):
        progress(event)

    assert stream.getvalue() == "not using a\nnot using b\ndownloading\ncompiling (0 of 100)\nbuilt\n"


def test_a_terminal_shows_one_line_a_phase_that_rewrites_itself() -> None:
    stream = Terminal()
    progress = StreamProgress(stream, clock=lambda: 0.0)
    for event in (
        BuildProgress(Phase.NOTE, "not using a"),
        BuildProgress(Phase.DOWNLOADING, "downloading"),
        compiling(1),
        compiling(2),
        BuildProgress(Phase.DONE, "built"),
    ):
        progress(event)

    assert stream.getvalue() == (
        "\r\x1b[Knot using a\n"
        "\r\x1b[Kdownloading"
        "\n\r\x1b[Kcompiling (1 of 100)"
        "\r\x1b[Kcompiling (2 of 100)"
        "\n\r\x1b[Kbuilt\n"
    )
