"""The tutorial's training in JAX and in PyTorch, timed: python peers.py PEER N_ITERATIONS N_WARM_UP.

PEER is jax_scan, 100 iterations in one compiled call; jax_step, one iteration a call; or torch, eager. The networks, losses
and optimisers are those of configs/synthetic.yaml: two hidden layers of 256 ReLUs in encoder, decoder and discriminator, four
one-hot images, 512 of them a batch, noise of 4 and codes of 2 dimensions, Adam with beta1 .5, both updates from one forward
pass. It prints what is measured of the iterations after the warm-up, as JSON: iterations a second, and CPU milliseconds of all
threads.
"""

import json
import sys
import time

N_UNITS, BATCH, NOISE_DIM, LATENT_DIM, N_PIXELS, MARGIN = 256, 512, 4, 2, 4, 1e-6
RATES, BETA1, BETA2, EPSILON = {"generator": 2e-4, "discriminator": 1e-3}, 0.5, 0.999, 1e-8
LAYERS = {"encoder": (N_PIXELS + NOISE_DIM, N_UNITS, N_UNITS, LATENT_DIM), "decoder": (LATENT_DIM, N_UNITS, N_UNITS, N_PIXELS),
          "discriminator": (N_PIXELS + LATENT_DIM, N_UNITS, N_UNITS, 1)}
N_IN_SCAN = 100


def jax_peer(is_scan):
    """Return (function that trains, how many iterations a call of it takes)."""
    import jax
    import jax.numpy as jnp

    x = jnp.repeat(jnp.eye(N_PIXELS), BATCH // N_PIXELS, axis=0)

    def network(weights, inputs):
        for w, b in weights[:-1]:
            inputs = jax.nn.relu(inputs @ w + b)
        w, b = weights[-1]
        return inputs @ w + b

    def losses(generator, discriminator, eps, z_prior):
        z = network(generator["encoder"], jnp.concatenate([x, eps], 1))
        p = MARGIN + (1 - 2 * MARGIN) * jax.nn.sigmoid(network(generator["decoder"], z))
        log_likelihood = jnp.sum(x * jnp.log(p) + (1 - x) * jnp.log(1 - p), axis=1).mean()
        of_posterior, of_prior = (network(discriminator, jnp.concatenate([2 * x - 1, own], 1)) for own in (z, z_prior))
        return (of_posterior.mean() - log_likelihood,
                (jax.nn.softplus(-of_posterior) + jax.nn.softplus(of_prior)).mean())

    def adam(weights, gradients, state, rate):
        first, second, count = state
        count = count + 1
        first = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, first, gradients)
        second = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, second, gradients)
        rate = rate * jnp.sqrt(1 - BETA2**count) / (1 - BETA1**count)
        weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + EPSILON), weights, first, second)
        return weights, (first, second, count)

    def step(carried, _):
        weights, states, key = carried
        key, *keys = jax.random.split(key, 3)
        noise = jax.random.normal(keys[0], (BATCH, NOISE_DIM)), jax.random.normal(keys[1], (BATCH, LATENT_DIM))
        generator_loss, gradient = jax.value_and_grad(
            lambda own: losses(own, weights["discriminator"], *noise)[0])(weights["generator"])
        discriminator_loss, gradient_of_t = jax.value_and_grad(
            lambda own: losses(weights["generator"], own, *noise)[1])(weights["discriminator"])
        new = {}
        for name, own in (("generator", gradient), ("discriminator", gradient_of_t)):
            new[name] = adam(weights[name], own, states[name], RATES[name])
        return (({name: own[0] for name, own in new.items()}, {name: own[1] for name, own in new.items()}, key),
                (generator_loss, discriminator_loss))

    def initial(sizes, key):
        limits = [(6 / (n_in + n_out))**0.5 for n_in, n_out in zip(sizes, sizes[1:])]
        keys = jax.random.split(key, len(limits))
        return [(jax.random.uniform(own, shape, minval=-limit, maxval=limit), jnp.zeros(shape[1]))
                for own, shape, limit in zip(keys, zip(sizes, sizes[1:]), limits)]

    drawn = {name: initial(sizes, jax.random.key(number)) for number, (name, sizes) in enumerate(LAYERS.items())}
    weights = {"generator": {name: drawn[name] for name in ("encoder", "decoder")}, "discriminator": drawn["discriminator"]}
    zeros = jax.tree.map(jnp.zeros_like, weights)
    carried = [(weights, {name: (own, own, 0.0) for name, own in zeros.items()}, jax.random.key(9))]
    many = jax.jit(lambda carried: jax.lax.scan(step, carried, None, length=N_IN_SCAN) if is_scan else step(carried, None))

    def train():
        carried[0], found = many(carried[0])
        jax.block_until_ready(found)

    return train, N_IN_SCAN if is_scan else 1


def torch_peer():
    """As jax_peer."""
    import torch
    from torch.nn import functional

    torch.manual_seed(0)

    def network(sizes):
        layers = []
        for n_in, n_out in zip(sizes, sizes[1:]):
            layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
            torch.nn.init.xavier_uniform_(layers[-2].weight)
            torch.nn.init.zeros_(layers[-2].bias)
        return torch.nn.Sequential(*layers[:-1])

    networks = {name: network(sizes) for name, sizes in LAYERS.items()}
    weights = {"generator": [*networks["encoder"].parameters(), *networks["decoder"].parameters()],
               "discriminator": [*networks["discriminator"].parameters()]}
    optimizers = {name: torch.optim.Adam(own, RATES[name], (BETA1, BETA2), EPSILON) for name, own in weights.items()}
    x = torch.eye(N_PIXELS).repeat_interleave(BATCH // N_PIXELS, 0)

    def train():
        eps, z_prior = torch.randn(BATCH, NOISE_DIM), torch.randn(BATCH, LATENT_DIM)
        z = networks["encoder"](torch.cat([x, eps], 1))
        p = MARGIN + (1 - 2 * MARGIN) * torch.sigmoid(networks["decoder"](z))
        log_likelihood = (x * p.log() + (1 - x) * (1 - p).log()).sum(1).mean()
        of_posterior, of_prior = (networks["discriminator"](torch.cat([2 * x - 1, own], 1)) for own in (z, z_prior))
        losses = {"generator": of_posterior.mean() - log_likelihood,
                  "discriminator": (functional.softplus(-of_posterior) + functional.softplus(of_prior)).mean()}
        gradients = {name: torch.autograd.grad(loss, weights[name], retain_graph=True) for name, loss in losses.items()}
        for name, optimizer in optimizers.items():
            for own, gradient in zip(weights[name], gradients[name]):
                own.grad = gradient
            optimizer.step()
        return [loss.item() for loss in losses.values()]

    return train, 1


PEERS = {"jax_scan": lambda: jax_peer(True), "jax_step": lambda: jax_peer(False), "torch": torch_peer}


def main(name, n_iterations, n_warm_up):
    train, n_a_call = PEERS[name]()
    for _ in range(-(-n_warm_up // n_a_call)):
        train()
    n_calls = -(-n_iterations // n_a_call)
    start, cpu_start = time.perf_counter(), time.process_time()
    for _ in range(n_calls):
        train()
    n = n_calls * n_a_call
    print(json.dumps({"rate": n / (time.perf_counter() - start), "cpu_ms": 1000 * (time.process_time() - cpu_start) / n}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
