import os
from pathlib import Path

from picshapes_cli.child_logs import ChildLog


def write(descriptor: int, text: str) -> None:
    os.write(descriptor, text.encode())


def test_the_tail_is_the_last_lines(tmp_path: Path) -> None:
    log = ChildLog(tmp_path / "child.log")
    descriptor = log.open()
    write(descriptor, "one\ntwo\nthree\n")
    os.close(descriptor)

    assert log.tail(2) == "two\nthree"


def test_the_tail_holds_nothing_of_an_earlier_run(tmp_path: Path) -> None:
    path = tmp_path / "child.log"
    path.write_text("from the last time\n")
    log = ChildLog(path)
    descriptor = log.open()
    assert log.tail() == ""
    write(descriptor, "from this time\n")
    os.close(descriptor)

    assert log.tail() == "from this time"
    assert path.read_text() == "from the last time\nfrom this time\n"


def test_a_log_over_its_limit_is_cut_to_its_last_whole_lines(tmp_path: Path) -> None:
    log = ChildLog(tmp_path / "child.log", limit_bytes=20)
    descriptor = log.open()
    write(descriptor, "11111111\n22222222\n333\n444\n")

    log.bound()
    assert log.path.read_text() == "333\n444\n"

    write(descriptor, "555\n")
    os.close(descriptor)
    assert log.path.read_text() == "333\n444\n555\n"
    assert log.tail() == "333\n444\n555"


def test_a_log_within_its_limit_is_left_alone(tmp_path: Path) -> None:
    log = ChildLog(tmp_path / "child.log", limit_bytes=20)
    descriptor = log.open()
    write(descriptor, "1" * 20)
    os.close(descriptor)

    log.bound()

    assert log.path.read_text() == "1" * 20


def test_a_log_that_an_earlier_run_left_too_large_is_cut_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "child.log"
    path.write_text("old\n" * 10)
    log = ChildLog(path, limit_bytes=20)

    os.close(log.open())

    assert path.stat().st_size <= 20


def test_only_the_owner_can_read_a_log(tmp_path: Path) -> None:
    log = ChildLog(tmp_path / "child.log")
    os.close(log.open())

    assert log.path.stat().st_mode & 0o777 == 0o600
