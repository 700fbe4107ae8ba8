"""What is told while nothing trains."""

import io
import sys
import threading
import time

import tqdm
from tqdm import auto

from avb_tf1.ground import progress


class Clock:
    """time.perf_counter, a second later each time that it is asked."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1
        return self.now


def test_how_much_is_left_is_told_every_five_seconds(capsys, monkeypatch):
    monkeypatch.setattr(progress.time, "perf_counter", Clock())
    with progress.shown():
        progress.say("Measuring")
        assert list(progress.through("abcdefghijkl", "letters")) == list("abcdefghijkl")
        assert list(progress.through(iter("ab"), "letters", 2)) == ["a", "b"]
    # Asked at 1 s, and before each letter: at 6 s four are done in five seconds, at 11 s nine in ten.
    assert capsys.readouterr().out.splitlines() == [
        "Measuring ...", "letters: 4 of 12, 10 s left at this rate", "letters: 9 of 12, 3 s left at this rate"]


def test_nothing_is_told_where_it_is_not_wanted(capsys, monkeypatch):
    monkeypatch.setattr(progress.time, "perf_counter", Clock())

    def go():
        progress.say("Measuring")
        assert sum(progress.through(range(20), "numbers")) == 190

    go()
    with progress.shown(), progress.shown(False):
        go()
    with progress.shown():
        other = threading.Thread(target=go)
        other.start()
        other.join()
    go()
    assert capsys.readouterr().out == ""


def test_what_takes_long_is_told_again_and_again(capsys, monkeypatch):
    """Steps that can't be told apart: at least it is seen that something goes on."""
    monkeypatch.setattr(progress, "_SILENCE", 0.05)
    with progress.shown():
        progress.say("Measuring")
        time.sleep(0.3)
        for _ in progress.through(range(1), "numbers"):
            time.sleep(0.3)
    n_lines = len(capsys.readouterr().out.splitlines())
    time.sleep(0.2)
    assert capsys.readouterr().out == "" and n_lines > 3  # it ends with the context
    with progress.shown():
        progress.say("Measuring")
        for _ in progress.through(range(1), "numbers"):
            time.sleep(0.3)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Measuring ..." and set(lines[1:]) == {"numbers, 0 of 1: 0 s so far"}


def test_what_is_over_is_not_told_again(capsys, monkeypatch):
    monkeypatch.setattr(progress, "_SILENCE", 0.05)
    with progress.shown():
        progress.say("Measuring")
        assert list(progress.through(range(3), "numbers")) == [0, 1, 2]
        time.sleep(0.3)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Measuring ..." and set(lines[1:]) == {"Measuring: 0 s so far"}


def test_a_bar_is_for_terminals_and_notebooks(monkeypatch):
    iostream = type("iostream", (), {"OutStream": type("OutStream", (io.StringIO,), {})})
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    for kernel in (None, iostream):
        monkeypatch.setitem(sys.modules, "ipykernel.iostream", kernel)
        for stream, expected in ((io.StringIO(), None), (terminal, tqdm.tqdm)):
            monkeypatch.setattr(sys, "stdout", stream)
            assert progress.class_of_bars() is expected
    monkeypatch.setattr(sys, "stdout", iostream.OutStream())
    assert progress.class_of_bars() is auto.tqdm


def test_minutes():
    assert [progress.duration(seconds) for seconds in (0, 99.4, 150)] == ["0 s", "99 s", "2.5 min"]
