import dataclasses
import math

import numpy as np
import pytest
from image_data import image_config
from scipy.special import expit

from avb_tf1.estimation import adaptive_quadrature
from avb_tf1.estimation.ais import Annealed
from avb_tf1.estimation.densities import log_prior
from avb_tf1.estimation.likelihoods import Bernoulli
from avb_tf1.estimation.trained_networks import Networks
from avb_tf1.page import numbers
from avb_tf1.runs import metrics_file
from avb_tf1.tasks.data_set import measures, summary
from avb_tf1.tasks.registry import TASKS
from avb_tf1.tasks.trained import without_infinity
from avb_tf1.training.trainer import DivergenceError

N_PIXELS = 30
_random_state = np.random.RandomState(0)
_W1, _W2 = _random_state.standard_normal((2, 12)), _random_state.standard_normal((12, N_PIXELS))


def decode(z):
    return expit(np.tanh(z[:, :2] @ _W1) @ _W2).astype(np.float32)


def test_images(n):
    random_state = np.random.RandomState(1)
    p = decode(random_state.standard_normal((n, 2)))
    return (random_state.random_sample(p.shape) < p).astype(np.float32)


test_images.__test__ = False
IMAGES = test_images(120)
EXACT = adaptive_quadrature.integrals(Bernoulli(decode), 2, IMAGES)
_MOMENTS = {image.tobytes(): (mean, np.diag(covariance)) for image, mean, covariance in zip(
    IMAGES, EXACT.mean, EXACT.covariance)}


def gaussian(x):
    """An encoder that knows the posteriors' moments, but for a shift."""
    mean, variance = (np.array(part, np.float32) for part in zip(*[_MOMENTS[image.tobytes()] for image in x]))
    return mean + 0.3 * np.sqrt(variance), np.log(variance)


def encode(x, eps):
    mean, log_variance = gaussian(x)
    return mean + np.exp(log_variance / 2) * eps


def log_ratio(x, z):
    mean, log_variance = gaussian(x)
    eps = (z - mean) * np.exp(-log_variance / 2)
    return (log_prior(eps) - log_variance.sum(axis=1) / 2 - log_prior(z))[:, np.newaxis]


def log_posterior(x, z):
    return log_ratio(x, z)[:, 0] + log_prior(z)


VAE = Networks(2, 2, encode, Bernoulli(decode), gaussian=gaussian, log_posterior=log_posterior)
AVB = Networks(2, 2, encode, Bernoulli(decode), log_ratio=log_ratio)


def flat(found):
    """The metrics of a measures.HeldOut, and under "per_image" what it has of each image."""
    return dict(found.metrics, per_image=found.per_image)


def evaluated(networks, images=IMAGES, n_samples=200, n_dense_images=40, n_dense_samples=2048, ais=None):
    return flat(measures.evaluate(
        networks, images, np.random.RandomState(2), measures.Settings(n_samples, n_dense_images, n_dense_samples, ais)))


@pytest.fixture(scope="module")
def of_vae():
    return evaluated(VAE, n_samples=2000)


@pytest.fixture(scope="module")
def of_avb():
    return evaluated(AVB)


def test_log_likelihood_is_the_quadratures(of_vae):
    assert of_vae["test_log_likelihood"] == EXACT.log_likelihood.mean()
    assert of_vae["test_log_likelihood_standard_error"] == pytest.approx(EXACT.log_likelihood.std(ddof=1) / np.sqrt(120))
    assert of_vae["test_log_likelihood_numerical_error"] < adaptive_quadrature.TOLERANCE
    assert of_vae["test_log_likelihood_method"] == of_vae["methods"]["test_log_likelihood"] == "quadrature"
    np.testing.assert_array_equal(of_vae["per_image"]["log_likelihood"], EXACT.log_likelihood)


def test_elbo_of_a_density_is_a_bound_by_the_gap(of_vae):
    elbo, error = (of_vae["per_image"][name] for name in ("elbo", "elbo_error"))
    assert (elbo < EXACT.log_likelihood + 4 * error).all()
    assert of_vae["test_elbo"] == pytest.approx(elbo.mean())
    assert of_vae["test_inference_gap"] == pytest.approx(of_vae["test_log_likelihood"] - of_vae["test_elbo"])
    assert of_vae["test_elbo_numerical_error"] == pytest.approx(np.sqrt((error**2).sum()) / 120)
    # It is .3**2 of a Gaussian posterior, for a shift of .3 standard deviations in each of two directions; these are none.
    assert of_vae["test_inference_gap"] > 0.09
    assert "test_elbo_discriminator" not in of_vae and "not_computed" not in of_vae


def test_elbo_of_the_same_q_by_neighbours_and_by_a_perfect_discriminator(of_vae, of_avb):
    for name, other in (("test_elbo", "test_elbo"), ("test_elbo_discriminator", "test_elbo"),
                        ("test_inference_gap", "test_inference_gap")):
        error = np.hypot(of_avb[name + "_numerical_error"], of_vae[other + "_numerical_error"])
        assert abs(of_avb[name] - of_vae[other]) < 3 * error + of_avb.get(name + "_bias_left", 0)
        assert error < 0.1
    assert of_avb["methods"]["test_elbo"] == "nearest neighbours"
    assert of_avb["test_elbo_standard_error"] == pytest.approx(of_vae["test_elbo_standard_error"], rel=0.4)


def test_the_errors_of_the_neighbours_are_those_of_the_images_that_were_taken(of_vae, of_avb):
    elbo, error = (of_avb["per_image"][name] for name in ("elbo", "elbo_error"))
    taken = ~np.isnan(elbo)
    assert taken.sum() == 40 and (np.isnan(error) == ~taken).all()
    deviations = ((elbo - of_vae["per_image"]["elbo"]) / np.hypot(error, of_vae["per_image"]["elbo_error"]))[taken]
    assert np.abs(deviations).max() < 4.5 and deviations.std() < 1.4


def test_all_images_may_be_taken():
    found = evaluated(AVB, IMAGES[:10], n_dense_images=50, n_dense_samples=512)
    assert found["test_elbo"] == found["per_image"]["elbo"].mean()


def test_a_q_without_a_density_has_no_elbo():
    networks = Networks(2, 2, lambda x, eps: encode(x, 0 * eps), Bernoulli(decode), log_ratio=log_ratio)
    found = evaluated(networks, IMAGES[:20], 10, 3)
    assert found["test_elbo"] == -np.inf and found["test_inference_gap"] == np.inf
    assert "test_elbo_standard_error" not in found and "test_elbo_bias_left" not in found


def test_above_two_dimensions_the_annealing_is_handed_in():
    def in_three(x, eps):
        return np.concatenate([encode(x, eps[:, :2]), 0.5 * eps[:, 2:]], axis=1)

    networks = Networks(3, 3, in_three, Bernoulli(decode), log_ratio=lambda x, z: log_ratio(x, z[:, :2]))
    handed = []

    def ais(images, mean, scale):
        handed.append((mean, scale))
        return Annealed(EXACT.log_likelihood, np.full(len(images), 0.1), np.full(len(images), 0.65), np.zeros((2, 120, 3)))

    found = evaluated(networks, ais=ais)
    mean, scale = handed[0]
    np.testing.assert_allclose(scale[:, 2], 0.5, rtol=0.25)
    np.testing.assert_allclose(mean[:, :2], gaussian(IMAGES)[0], atol=0.35)
    assert found["test_log_likelihood_method"] == "ais" and found["n_annealed_images"] == 120
    assert found["test_log_likelihood_numerical_error"] == pytest.approx(0.1 / np.sqrt(120))
    assert found["test_log_likelihood_bias_left"] == pytest.approx(0.005)
    assert found["test_ais_acceptance"] == pytest.approx(0.65)
    np.testing.assert_array_equal(found["per_image"]["ais_acceptance"], 0.65)
    assert "test_elbo" not in found and "test_elbo_discriminator" in found
    assert set(found["not_computed"]) == {"test_elbo", "test_inference_gap"}


def test_of_more_images_than_are_annealed_the_elbo_tells_the_rest():
    """The decoder knows two of the three dimensions, so that the quadrature in the plane has the truth."""
    def in_three(x):
        mean, log_variance = gaussian(x)
        return np.pad(mean, ((0, 0), (0, 1))), np.pad(log_variance, ((0, 0), (0, 1)))

    def encode_in_three(x, eps):
        mean, log_variance = in_three(x)
        return mean + np.exp(log_variance / 2) * eps

    rows = np.arange(0, 120, 4)

    def ais(images, mean, scale):
        np.testing.assert_array_equal(images, IMAGES[rows])
        return Annealed(EXACT.log_likelihood[rows], np.full(30, 0.01), np.full(30, 0.65), mean[np.newaxis])

    def log_posterior(x, z):
        mean, log_variance = in_three(x)
        return log_prior((z - mean) * np.exp(-log_variance / 2)) - log_variance.sum(axis=1) / 2

    networks = Networks(3, 3, encode_in_three, Bernoulli(decode), gaussian=in_three, log_posterior=log_posterior)
    found = flat(measures.evaluate(networks, IMAGES, np.random.RandomState(2), measures.Settings(200, 1, 1, ais, rows)))
    of_images = found["per_image"]["log_likelihood"]
    assert (np.flatnonzero(~np.isnan(of_images)) == rows).all() and found["n_annealed_images"] == 30
    error = found["test_log_likelihood_numerical_error"]
    # Than the mean of those 30 alone has.
    assert error < 0.25 * EXACT.log_likelihood.std() / np.sqrt(30)
    assert abs(found["test_log_likelihood"] - EXACT.log_likelihood.mean()) < 3 * error
    assert found["test_log_likelihood"] == pytest.approx(found["test_elbo"] + found["test_inference_gap"])
    assert found["test_log_likelihood_standard_error"] == pytest.approx(EXACT.log_likelihood[rows].std(ddof=1) / np.sqrt(120))
    # The second opinion, of the same images.
    importance, error = (found["per_image"]["log_likelihood_importance" + end][rows] for end in ("", "_error"))
    assert np.abs((importance - EXACT.log_likelihood[rows]) / error).max() < 5 and error.max() < 0.1
    size = found["per_image"]["importance_effective_sample_size"]
    assert found["test_importance_effective_sample_size"] == pytest.approx(np.nanmean(size)) and np.nanmin(size) > 100
    assert found["methods"]["test_log_likelihood_importance"] == "importance sampling"


def per_image(method, values, errors, bias_left=None):
    values, errors = (np.array(part, float) for part in (values, errors))
    if method == "quadrature":
        return measures.PerImage(values, np.zeros(len(values)), method, shared=errors)
    return measures.PerImage(values, errors, method, None if bias_left is None else np.array(bias_left))


def test_errors_of_a_mean():
    """The quadrature's may all have one sign, samples' are independent."""
    values, errors = [-3.0, -5.0, -7.0], [0.1, 0.2, 0.3]
    spread = 2 / math.sqrt(3)
    assert measures._mean(per_image("quadrature", values, errors)) == {
        "": -5, "_standard_error": pytest.approx(spread), "_numerical_error": pytest.approx(0.2)}
    assert measures._mean(per_image("samples", values, errors, [0.01, 0.02, 0.06])) == {
        "": -5, "_standard_error": pytest.approx(spread), "_numerical_error": pytest.approx(math.sqrt(0.14) / 3),
        "_bias_left": pytest.approx(0.03)}


def test_of_a_mean_over_some_images_the_choice_is_part_of_the_error():
    """Two of four were taken: 1 and 3, whose own errors are .1 and .2."""
    own = 0.5 * (0.1**2 + 0.2**2) / 4
    some = per_image("nearest neighbours", [1, np.nan, 3, np.nan], [0.1, np.nan, 0.2, np.nan])
    assert measures._mean(some) == {
        "": 2.0, "_standard_error": pytest.approx(math.sqrt(2 / 2) * math.sqrt(2 / 4)),
        "_numerical_error": pytest.approx(math.sqrt(2 * (1 - 2 / 4) / 2 + own))}
    # What is known of all four is .5 and 1 below: of the differences, 0.5 and 1, the choice leaves less.
    known = per_image("quadrature", [0.5, 0, 2, 2.5], [0.1, 0.1, 0.1, 0.5])
    assert measures._mean(some, known) == {
        "": pytest.approx(1.25 + 0.75), "_standard_error": pytest.approx(math.sqrt(2 / 4)),
        "_numerical_error": pytest.approx(math.sqrt(0.125 * (1 - 2 / 4) / 2 + own + 0.2**2))}


def test_errors_of_one_and_of_two_images():
    assert measures._mean(per_image("quadrature", [-3, -4], [0, 0]))["_standard_error"] == pytest.approx(0.5)
    assert measures.paired_difference([-3, -4], [-3, -3]) == (-0.5, pytest.approx(0.5))
    found = evaluated(VAE, IMAGES[:1])
    assert math.isnan(found["test_log_likelihood_standard_error"]) and found["test_elbo_numerical_error"] > 0
    metrics = without_infinity({name: value for name, value in found.items() if name != "per_image"})
    assert metrics["test_log_likelihood_standard_error"] is None
    metrics_file.require_numbers(metrics, "a path", TASKS["data_set"])
    lines = summary.lines(metrics, image_config("digits_vae"))
    assert any("test_log_likelihood" in line for line in lines) and not any("sampling of images" in line for line in lines)
    row, = (row for row in summary.metric_rows(metrics) if row[0] == "test log-likelihood")
    assert row[3] == ""
    group = numbers.RunGroup("", None, (0,), (metrics,))
    assert numbers.Row(group, "test_elbo", measures.METRICS["test_elbo"]).standard_error == 0


def test_a_difference_has_the_errors_and_the_biases_of_both():
    first = per_image("ais", [-1, -2], [0.3, 0.05], [0.1, 0.2])
    second = per_image("samples", [-4, -4], [0.4, 0.12], [0.01, 0.02])
    found = measures._difference(first, second)
    np.testing.assert_allclose(found.values, [3, 2])
    np.testing.assert_allclose(found.errors, [0.5, 0.13])
    np.testing.assert_allclose(found.bias_left, [0.11, 0.22])
    assert found.method == measures._difference(second, first).method == "ais"
    assert measures._difference(per_image("quadrature", [0], [0]), per_image("samples", [0], [0])).method == "samples"


def test_a_difference_keeps_the_errors_of_one_sign():
    """Of 10,000 images the quadrature's error stays, the samples' goes with the root of their number."""
    exact, sampled = per_image("quadrature", np.zeros(10000), np.full(10000, 0.003)), per_image(
        "samples", np.ones(10000), np.full(10000, 0.1))
    gap = measures._mean(measures._difference(exact, sampled))
    assert gap["_numerical_error"] == pytest.approx(math.hypot(0.003, 0.1 / 100))
    some = per_image("samples", np.where(np.arange(10000) < 100, 1, np.nan), np.full(10000, 0.1))
    assert measures._mean(measures._difference(exact, some))["_numerical_error"] == pytest.approx(
        math.sqrt(0.003**2 + 0.1**2 / 10000))


@pytest.mark.parametrize("networks", [VAE, AVB])
def test_an_image_whose_code_is_not_a_number_is_not_left_out(networks):
    def overflowing(x, eps):
        z = encode(x, eps)
        return np.where((x == IMAGES[3]).all(axis=1)[:, np.newaxis], np.float32(np.nan), z)

    with pytest.raises(DivergenceError, match="not finite"):
        evaluated(dataclasses.replace(networks, encode=overflowing), n_dense_images=120)


def test_moments_of_a_gaussian_are_its_own_and_those_of_samples_agree():
    mean, scale = measures.posterior_moments(VAE, IMAGES[:5], None, 0)
    np.testing.assert_allclose(mean, gaussian(IMAGES[:5])[0])
    np.testing.assert_allclose(scale**2, np.exp(gaussian(IMAGES[:5])[1].astype(float)), rtol=1e-6)
    sampled = measures.posterior_moments(AVB, IMAGES[:5], np.random.RandomState(0), 20000)
    np.testing.assert_allclose(sampled[0], mean, atol=5 * scale.max() / np.sqrt(20000))
    np.testing.assert_allclose(sampled[1], scale, rtol=5 / np.sqrt(2 * 20000))


def test_every_name_is_that_of_a_metric(of_vae, of_avb):
    for found in (of_vae, of_avb):
        known = dict(measures.METRICS, **measures.DIAGNOSTICS)
        rest = [name for name in found if not any(name.startswith(metric) for metric in known)]
        assert set(rest) <= {"n_test_images", "methods", "per_image", "not_computed"}
        assert set(found["methods"]) <= set(known)


def test_of_a_gaussian_near_the_posterior_the_weights_tell_log_p(of_vae, of_avb):
    for found, end, limit in ((of_vae, "", 1 - 1 / math.log10(2000)), (of_avb, "_discriminator", 1 - 1 / math.log10(200))):
        own = found["per_image"]
        deviations = (own["log_likelihood_importance" + end] - EXACT.log_likelihood) / own[
            "log_likelihood_importance%s_error" % end]
        assert abs(deviations.mean()) < 5 / np.sqrt(120) and deviations.std() < 2
        assert found["test_k_hat" + end] == np.median(own["k_hat" + end])
        assert found["test_k_hat%s_share" % end] == np.mean(own["k_hat" + end] > limit) < 0.5


def test_two_models_are_compared_image_by_image():
    first, noise = EXACT.log_likelihood, np.random.RandomState(0).standard_normal(120)
    difference, error = measures.paired_difference(first + 0.5 + 0.1 * noise, first)
    assert error == pytest.approx(0.1 * noise.std(ddof=1) / np.sqrt(120)) and abs(difference - 0.5) < 4 * error
    first = np.where(np.arange(120) < 60, np.nan, first)
    assert measures.paired_difference(first, first) == (0, 0)
