import gc

from avb_tf1.plotting.style import new_figure, save


def test_a_figure_leaves_nothing_behind_when_it_is_gone(tmp_path):
    def left():
        gc.collect()
        return sum(type(own).__name__ in ("LayoutGrid", "Figure", "Variable") for own in gc.get_objects())

    before = left()
    for _ in range(2):
        figure = new_figure(3, 3)
        figure.subplots(2, 2)
        save(figure, str(tmp_path / "figure.png"))
        del figure
    assert left() <= before
