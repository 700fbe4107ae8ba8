from avb_tf1.training import progress


def test_a_rate_counts_what_was_done_meanwhile(monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    display = progress.ProgressDisplay(1000, True, 200)
    assert not display.is_due()
    now[0] += 10
    assert display.is_due()
    display.show(300, "words")
    now[0] += 10
    display.show(500, "words", n_before=400)  # 200 more of them than was known at first
    display.show(500, "words", n_before=400, is_going_on=False)
    assert capsys.readouterr().out.splitlines() == [
        "iteration 300/1000  words  10.0 it/s  70 s left at this rate",
        "iteration 500/1000  words  5.0 it/s  1.7 min left at this rate",
        "iteration 500/1000  words  5.0 it/s"]
