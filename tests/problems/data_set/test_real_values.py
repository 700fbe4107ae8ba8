"""Images of real values: noise for uint8, colour, and patches of photographs."""

import numpy as np
import pytest
from config_cases import refusal
from image_data import image_config, image_config_path, npz_data, small_patches
from scipy.stats import kstest

from avb_tf1.config.fingerprint import fingerprint
from avb_tf1.config.loading import to_yaml
from avb_tf1.graph.batches import dataset_batches
from avb_tf1.problems.data_set import photo_patches
from avb_tf1.problems.data_set.problem import real_values
from avb_tf1.problems.registry import problem_of

UINT8 = np.random.RandomState(0).randint(0, 256, (70, 4, 5, 3)).astype(np.uint8)


def of_file(path, *overrides):
    return image_config("patches_vae", npz_data(path).replace("dynamic", "none"), *overrides)


@pytest.fixture
def images(tmp_path):
    np.savez(str(tmp_path / "a.npz"), train=UINT8, test=UINT8[:9])
    return tmp_path / "a.npz"


def test_noise_spreads_each_value_over_its_256th():
    values = np.repeat(np.arange(256, dtype=np.uint8), 400).reshape(-1, 4)
    found = real_values(values, np.random.RandomState(0))
    assert found.dtype == np.float32 and (np.floor(found.astype(np.float64) * 256) - values <= 1).all()
    assert (np.abs(found * 256 - values - 0.5) <= 0.5 + 1e-4).all()
    assert kstest(found.ravel(), "uniform").pvalue > 1e-3 and kstest((found * 256 % 1).ravel(), "uniform").pvalue > 1e-3
    floats = np.float32([[0.1, 1]])
    assert real_values(floats, None) is floats  # of which it isn't known how far apart their values lie


def test_each_batch_has_its_own_noise_by_seed_and_iteration(images):
    config = of_file(images)
    problem = problem_of(config)
    batches = dataset_batches(config.data, problem, 0)
    first, again, other = batches(1), dataset_batches(config.data, problem, 0)(1), batches(2)
    assert first.shape == (64, 60) and first.dtype == np.float32 and not problem.is_binary and problem.n_levels == 256
    np.testing.assert_array_equal(first, again)
    whole = np.floor(first * 256 + 1e-4)
    assert set(map(bytes, np.minimum(whole, 255).astype(np.uint8))) <= set(map(bytes, UINT8.reshape(70, 60)))
    row = np.minimum(np.floor(other * 256), 255).astype(np.uint8)
    same = [(a, b) for a in range(64) for b in range(64) if (row[b] == np.minimum(whole[a], 255)).all()]
    assert same and all((first[a] != other[b]).mean() > 0.9 for a, b in same)
    assert (first != dataset_batches(config.data, problem, 1)(1)).any()


def test_all_models_and_seeds_are_measured_with_the_same_noise(images):
    problem = problem_of(of_file(images))
    test, shown = problem.test_images(), problem.shown_images()[0]
    np.testing.assert_array_equal(test, problem_of(of_file(images, "seed=1", "model.latent_dim=5")).test_images())
    np.testing.assert_array_equal(test, shown)
    np.testing.assert_allclose(test * 256 - UINT8[:9].reshape(9, 60), 0.5, atol=0.5001)
    assert problem.image_shape == (4, 5, 3) and problem.n_values == 60
    np.testing.assert_array_equal(problem.drawn(UINT8[:2].reshape(2, 60)), UINT8[:2])  # red, green and blue beside each other


def test_the_config_of_real_values_has_them_in_its_fingerprint(images):
    tree = fingerprint(of_file(images))
    assert tree["data"]["binarisation"] == "none" and tree["model"]["likelihood"]["kind"] == "gaussian"
    assert "likelihood" not in fingerprint(image_config("digits_vae"))["model"]
    written = image_config("digits_vae", "model.likelihood={kind: bernoulli}")
    assert fingerprint(written) == fingerprint(image_config("digits_vae")) and "likelihood:" not in to_yaml(written)


def places(patches, photograph):
    """Where patches [n, size, size, 3] lie in a photograph: for each, all corners at which it has these pixels."""
    whole, size = photo_patches._photographs()[photograph].astype(np.int64), patches.shape[1]
    code = whole @ [65536, 256, 1]
    for patch in patches:
        own, found = patch.astype(np.int64) @ [65536, 256, 1], np.ones((427 - size + 1, 640 - size + 1), bool)
        for i, j in np.ndindex(size, size):
            found &= code[i:i + found.shape[0], j:j + found.shape[1]] == own[i, j]
        yield np.argwhere(found)


def test_no_test_patch_has_a_pixel_of_the_train_part():
    for part, columns in (("train", (0, 480 - 8)), ("test", (480, 640 - 8))):
        found, labels = photo_patches.patches(8, part, 60, True)
        for photograph in (0, 1):
            for corners in places(found[labels == photograph], photograph):
                assert ((corners[:, 1] >= columns[0]) & (corners[:, 1] <= columns[1])).any()
    assert photo_patches.n_places(2, "test") == 2 * 426 * 159


def test_patches_are_the_same_each_time_and_the_first_of_more():
    few, labels = photo_patches.patches(8, "train", 100, False)
    more, _ = photo_patches.patches(8, "train", 200, False)
    color, _ = photo_patches.patches(8, "train", 100, True)
    np.testing.assert_array_equal(few, more[:100])
    assert few.dtype == color.dtype == np.uint8 and few.shape == (100, 8, 8) and color.shape == (100, 8, 8, 3)
    np.testing.assert_array_equal(few, np.rint(color @ np.array([0.299, 0.587, 0.114])))
    assert 30 < labels.sum() < 70
    many, labels = photo_patches.patches(8, "train", 3000, False)
    for photograph, whole in enumerate(photo_patches._photographs()[:, :, :480]):
        own = many[labels == photograph].mean()
        assert own == pytest.approx((whole @ [0.299, 0.587, 0.114]).mean(), abs=5)  # which differ by 20 and more


def test_a_data_set_of_patches():
    config = small_patches("patches_vae", "data.n_validation=100")
    problem = problem_of(config)
    whole = problem_of(small_patches("patches_vae"))
    assert problem.title == "8 × 8 patches of two photographs, in colour" and problem.image_shape == (8, 8, 3)
    assert [len(part.labels) for part in (problem.train, problem.validation, problem.test)] == [900, 100, 40]
    np.testing.assert_array_equal(problem.validation.intensities, whole.train.intensities[900:])
    assert problem_of(small_patches("patches_avb", "data.color=false")).image_shape == (8, 8)
    digests = {problem_of(small_patches("patches_vae", own)).digest for own in ("data.color=false", "data.n_test=41", "seed=1")}
    assert len(digests) == 3 and whole.digest in digests and config.data.sha256 is None


@pytest.mark.parametrize("override, words", [
    ("data.n_train=400000", "data.n_train must be at most 397320, the places for patches of 8 x 8, not 400000"),
    ("data.n_test=130000", "data.n_test must be at most 128520, the places for patches of 8 x 8, not 130000"),
    ("data.n_validation=20000", "data.n_validation must be less than 20000"),
    ("data.color=3", "data.color must be true or false"),
    ("data.path=a.npz", "unknown key"),
    ("model.encoder.convolution={n_channels: [4], kernel_size: 3, stride: 2}",
     "model.encoder.convolution must be null: it needs images of at least 16 x 16, not 8 x 8")])
def test_what_patches_cannot_be_is_told(override, words):
    assert words in refusal([override], image_config_path("patches_vae"))
