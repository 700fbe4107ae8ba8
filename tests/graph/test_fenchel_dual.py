"""The discriminator's loss by the Fenchel dual of the KL divergence: beside a closed form, of all kinds of model, in a run."""

import json

import numpy as np
import posterior_configs
import pytest
from config_cases import edited, refusal
from helpers import DUAL, recipe, recipe_path, slow, small, vae_config
from image_data import small_images
from pages import data_of, text_of
from scipy.stats import norm
from trainings import assert_same, trained, trained_in_pieces, weights_of

from avb_tf1.experiment.run import run_experiment
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.errors import InputError
from avb_tf1.ground.tensorflow import open_session
from avb_tf1.problems.known_images.four_images import PROBLEM
from avb_tf1.runs import metrics_file
from avb_tf1.tasks.registry import TASKS
from avb_tf1.training import trainer

MEAN, SCALE = 0.7, 0.6  # of q(z|x), for all x
KL = (SCALE**2 + MEAN**2 - 1) / 2 - np.log(SCALE)
KINDS = {
    "known_images-avb": lambda: small(*DUAL),
    "known_images-avb_ac": lambda: recipe(
        "gdikov_avb_ac", *DUAL, "model.encoder.n_units=16", "model.discriminator.n_units=16", "training.n_iterations=20",
        "model.discriminator.n_factors=8", "model.encoder.basis.n_vectors=2"),
    "given_posterior-avb": lambda: posterior_configs.avb(*DUAL),
    "given_posterior-avb_ac": lambda: posterior_configs.avb_ac(*DUAL),
    "data_set-avb": lambda: small_images("digits_avb", *DUAL),
}


def gaussian(*overrides):
    """A session on a model of one latent dimension whose q(z|x) is N(MEAN, SCALE^2), and whose T can be exact; the model."""
    model = build_graph(small(
        *DUAL, "model.latent_dim=1", "model.encoder.n_hidden_layers=0", "model.encoder.noise_dim=1",
        "model.discriminator={kind: residual, center_input: false, n_blocks: 0, n_units: 8, activation: relu, "
        "block_activation: relu, squared_norm_factor: %r}" % ((1 - SCALE**-2) / 2), *overrides))
    session = open_session(model.graph, 1, 1)
    session.run(model.initialize)
    load(session, model, {"encoder/output/weights": [[0]] * 4 + [[SCALE]], "encoder/output/biases": [MEAN]})
    return session, model


def load(session, model, values):
    variables = {variable.op.name: variable for own in model.variables.values() for variable in own}
    for name, value in values.items():
        variables[name].load(np.reshape(value, variables[name].shape.as_list()), session)


def exact(added=0.0, slope=1.0):
    """The weights of T(x, z) = log q(z|x) - log p(z), with a constant added to it, and its linear part times a slope."""
    inputs, outputs = np.zeros((5, 8)), np.zeros((8, 1))
    inputs[4, :2], outputs[:2, 0] = (1, -1), np.array([1, -1]) * slope * MEAN / SCALE**2  # relu(z) - relu(-z) = z
    constant = -np.log(SCALE) - MEAN**2 / (2 * SCALE**2)
    return {"discriminator/input/weights": inputs, "discriminator/input/biases": np.zeros(8),
            "discriminator/output/weights": outputs, "discriminator/output/biases": [constant + added]}


def test_at_the_log_ratio_the_loss_is_minus_the_kl_divergence_and_any_other_t_has_more():
    session, model = gaussian("data.batch_size=400000")
    kl = model.parts.divergence
    gradients = [op.inputs[-1] for op in model.graph.get_operations()
                 if op.type == "ApplyAdam" and op.inputs[0].op.name.startswith("discriminator")]
    assert len(gradients) == 4

    def found(**changed):
        load(session, model, exact(**changed))
        return session.run([kl.loss, kl.kl, gradients])

    loss, estimate, of_loss = found()
    np.testing.assert_allclose([-loss, estimate], KL, atol=0.01)
    assert max(np.abs(gradient).max() for gradient in of_loss) < 0.02
    assert found(added=0.3)[0] == pytest.approx(np.exp(0.3) - 1 - 0.3 - KL, abs=0.015)
    for changed in ({"added": 0.3}, {"added": -0.3}, {"slope": 0.8}, {"slope": 1.2}):
        worse, _, of_loss = found(**changed)
        assert worse > loss + 0.02 and max(np.abs(gradient).max() for gradient in of_loss) > 0.1
    load(session, model, exact())
    z = np.float32([[-1.5], [0.2], [2]])
    log_ratio = norm.logpdf(z, MEAN, SCALE) - norm.logpdf(z)
    np.testing.assert_allclose(trainer.array_functions(session, model).log_ratio(np.eye(4)[:3], z), log_ratio, rtol=1e-4)


def test_a_short_training_of_t_lowers_its_loss_to_minus_the_kl_divergence():
    session, model = gaussian("data.batch_size=1024", "training.update=discriminator_first",
                              "training.discriminator.learning_rate=1e-2")
    step, loss = session.make_callable(model.steps[0].train_op), model.parts.divergence.loss

    def mean_loss():
        return np.mean([session.run(loss) for _ in range(50)])

    before = mean_loss()
    for _ in range(400):
        step()
    assert before > -KL + 0.1 and mean_loss() == pytest.approx(-KL, abs=0.03)


@pytest.mark.parametrize("name", [name if name.endswith("-avb") else slow(name) for name in KINDS])
def test_the_loss_is_that_of_t_at_the_samples_whatever_the_model(name):
    config = KINDS[name]()
    model = build_graph(config)
    kl, batch = model.parts.divergence, model.parts.batch
    feeds = {} if batch.of_iteration is None else {batch.x: batch.of_iteration(1)}
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        weights_of(session, model)
        prior, posterior, loss, estimate = session.run([kl.logits_prior, kl.logits_posterior, kl.loss, kl.kl], feeds)
        before = session.run(model.variables)
        trainer.train(session, model, config.training, [])
        after = session.run(model.variables)
    prior, posterior = prior.astype(np.float64), posterior.astype(np.float64)
    if not getattr(config.model.discriminator, "all_pairs", False):
        assert loss == pytest.approx(np.mean(np.exp(prior)) - 1 - np.mean(posterior), rel=1e-4, abs=1e-5)
    if config.model.kind == "avb":
        assert estimate == pytest.approx(posterior.mean(), rel=1e-4, abs=1e-5)
    assert [variable.op.name for scope, variables in model.variables.items()
            for variable, one, other in zip(variables, before[scope], after[scope]) if np.array_equal(one, other)] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["known_images-avb", "given_posterior-avb_ac"])
def test_it_is_gone_on_with_to_the_bit(name, tmp_path):
    config = KINDS[name]()
    model = build_graph(config)
    assert_same(trained(config, model=model)[:2], trained_in_pieces(config, (7,), tmp_path, model))


def test_it_is_part_of_what_a_run_is_and_off_unless_asked_for():
    assert small() == small("training.discriminator_loss=cross_entropy") != small(*DUAL)
    assert not small().has_dual and small(*DUAL).has_dual and not vae_config().has_dual
    assert small(*DUAL).method == small().method + ", by the Fenchel dual"


def test_bad_values_are_refused(tmp_path):
    words = "training.discriminator_loss must be one of cross_entropy, fenchel_dual, not "
    assert refusal(["training.discriminator_loss=hinge"]) == "--set training.discriminator_loss=hinge: %shinge" % words
    path = edited(tmp_path, lambda tree: tree["training"].update(discriminator_loss=1))
    assert refusal(path=path) == "%s: %s1" % (path, words)
    assert 'unknown key "training.discriminator_loss"' in refusal(DUAL, recipe_path("mescheder_vae"))


def test_its_optimum_is_minus_that_of_the_kl_divergence():
    optimum = PROBLEM.optima_of(small(*DUAL))
    assert optimum["discriminator_loss"].value == -optimum["kl_posterior_prior"].value == -np.log(4)
    assert "discriminator_loss" not in PROBLEM.optima_of(KINDS["known_images-avb_ac"]())


@pytest.mark.slow
def test_a_run_tells_what_its_loss_is(tmp_path):
    config = small(*DUAL, "training.checkpoint_every=20", "training.snapshot_every=20", "evaluation.n_samples=1024")
    folder = tmp_path / "run"
    metrics = run_experiment(config, str(folder)).metrics
    text = text_of(folder)
    assert "Adversarial Variational Bayes, by the Fenchel dual on" in text
    assert "By the Fenchel dual the discriminator's loss is minus a lower bound on the KL divergence of q(z|x)" in text
    assert "discriminator loss %.4f (optimum -1.3863)" % metrics["discriminator_loss"] in text
    assert data_of(folder)["losses"]["discriminator_loss"]["optimum"] == -np.log(4)
    path = folder / "metrics.json"
    whole = json.loads(path.read_text())
    path.write_text(json.dumps(dict(whole, discriminator_loss=-1.3)))
    found, _ = metrics_file.read_metrics(str(folder), config, TASKS["known_images"])
    assert found["discriminator_loss"] == -1.3
    path.write_text(json.dumps(dict(whole, discriminator_loss=float("inf"))))
    with pytest.raises(InputError, match="discriminator_loss must be a finite number"):
        metrics_file.read_metrics(str(folder), config, TASKS["known_images"])
