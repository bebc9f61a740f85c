"""Random numbers from local generators."""

import threading

import numpy as np
import torch

from skae import AutoencoderTransformer
from skae._training.random_state import draws_from, make_generator, make_seed
from skae.architectures import MLP

X = np.random.RandomState(0).rand(50, 4)


def test_draws_from_a_generator_equal_those_of_the_global_one_which_is_not_advanced():
    def draw():
        return [
            torch.nn.Linear(5, 3).weight.detach(),
            torch.nn.LSTM(3, 2, num_layers=2, dropout=0.5)(torch.ones(4, 3))[0].detach(),
            torch.nn.functional.dropout(torch.ones(20)),
            torch.rand(2),
            torch.randn(3),
            torch.randint(9, (4,)),
            torch.randint(2, 9, (4,)),
            torch.randperm(6),
            torch.normal(0.0, 1.0, (2,)),
            torch.empty(4).exponential_(),
            torch.multinomial(torch.ones(5), 2),
            torch.randn_like(torch.ones(3)),
            torch.native_dropout(torch.ones(20), 0.5, True)[0],  # takes no generator
            torch.randn(2, out=torch.empty(2)),  # nor does this
        ]

    before = torch.get_rng_state()
    with draws_from(torch.Generator().manual_seed(3)):
        ours = draw()
    assert torch.equal(torch.get_rng_state(), before)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        theirs = draw()
    for a, b in zip(ours, theirs):
        assert torch.equal(a, b)


def test_draws_from_is_local_to_a_thread():
    results = {}

    def fit(seed):
        ae = AutoencoderTransformer(
            2, architecture=MLP((8,), dropout=0.5), max_epochs=20, tol=None, random_state=seed
        )
        results[seed] = ae.fit(X).transform(X)

    threads = [threading.Thread(target=fit, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = dict(results)
    for seed in range(4):
        fit(seed)
        np.testing.assert_array_equal(results[seed], together[seed])


def test_generators_follow_random_state():
    def first(random_state):
        return torch.rand(1, generator=make_generator(make_seed(random_state))).item()

    assert first(3) == first(3) != first(4)
    assert first(None) != first(None)
    state = np.random.RandomState(0)
    assert first(state) != first(state)
    assert first(np.random.RandomState(0)) == first(np.random.RandomState(0))
