"""What the views of the tasks share."""

from avb_tf1.tasks.views import spread_out


def test_snapshots_are_thinned_out_evenly_with_both_ends():
    assert spread_out(3, 41).tolist() == [0, 1, 2]
    assert spread_out(41, 5).tolist() == [0, 10, 20, 30, 40]
    assert len(spread_out(2001, 61)) == 61 and spread_out(2001, 61)[-1] == 2000
