import numpy as np
import pytest
from pictures import pixels, place, rgb

from avb_tf1.plotting import training_curve


def test_training_curve_shows_both_losses_and_is_not_flattened_by_a_wild_start(tmp_path):
    losses = {"generator_loss": np.r_[1e6, np.full(999, 1.5)], "discriminator_loss": np.full(1000, 0.7)}
    optima = {"generator_loss": 1.386, "discriminator_loss": 0.6255}
    training_curve.draw(str(tmp_path / "a.png"), losses, optima)
    shown = pixels(tmp_path / "a.png").reshape(-1, 3)
    for color in training_curve._LOSS_COLORS.values():
        assert np.abs(shown - rgb(color)).max(axis=1).min() < 45  # thin lines are blended with what is below them
    calm = dict(losses, generator_loss=np.full(1000, 1.5))
    training_curve.draw(str(tmp_path / "b.png"), calm, optima)
    a, b = pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png")
    assert a.shape == b.shape and np.mean(a != b) < 0.02


def test_training_curve_of_one_iteration_and_one_loss(tmp_path):
    training_curve.draw(str(tmp_path / "a.png"), {"generator_loss": np.full(1, 1.5)}, {"generator_loss": 1.386})
    picture = pixels(tmp_path / "a.png")
    assert picture.shape == (600, 1050, 3)
    middle, color = picture[:, 540:600], rgb(training_curve._LOSS_COLORS["generator_loss"])
    assert place(middle, color)[1] < 0.15 and place(middle[300:], color, tolerance=60)[1] > 0.5  # a dot, above its optimum


@pytest.mark.parametrize("n", [1, 2, 3, 20, 137, 2000, 6000])
def test_ticks_are_whole_iterations_with_the_last_one(tmp_path, monkeypatch, n):
    drawn = []
    monkeypatch.setattr(training_curve, "save", lambda figure, path: drawn.append(figure))
    training_curve.draw("", {"generator_loss": np.linspace(2, 1, n)}, {})
    axes = drawn[0].axes[0]
    low, high = axes.get_xlim()
    ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert ticks[-1] == n and ticks == sorted({int(tick) for tick in ticks}) and len(ticks) <= 10
    assert len(ticks) == 1 or min(np.diff(ticks)) > 0.05 * n
