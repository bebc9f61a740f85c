"""Fitted behaviour depends on the fitted state, not on parameters that were set since."""

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator

from skae import AutoencoderTransformer, PretrainedEncoderClassifier
from skae.architectures import MLP, Conv

IMAGES = np.random.RandomState(0).rand(40, 1, 4, 4)
ROWS = IMAGES.reshape(40, 16)
LABELS = np.arange(40) % 2
SHORT = {"max_epochs": 2, "tol": None, "random_state": 0}


def test_images_are_flattened_by_the_fitted_shape():
    ae = AutoencoderTransformer(2, architecture=Conv((1, 4, 4), (2,)), **SHORT).fit(IMAGES)
    assert ae.input_shape_ == (1, 4, 4)
    codes = ae.transform(IMAGES)
    ae.set_params(architecture=Conv((1, 2, 8), (2,)))
    np.testing.assert_array_equal(ae.transform(IMAGES), codes)
    ae.set_params(architecture=MLP())
    np.testing.assert_array_equal(ae.transform(IMAGES), codes)
    np.testing.assert_array_equal(ae.transform(ROWS), codes)
    flat = AutoencoderTransformer(2, **SHORT).fit(ROWS).set_params(architecture=Conv((1, 4, 4)))
    assert flat.input_shape_ == (16,)
    with pytest.raises(ValueError, match="Found array with dim 4"):
        flat.transform(IMAGES)


def test_a_shape_with_an_open_size_is_resolved():
    ae = AutoencoderTransformer(2, architecture=Conv((1, -1, 4), (2,)), **SHORT).fit(ROWS)
    assert ae.input_shape_ == (1, 4, 4)


@pytest.mark.parametrize(
    "change",
    [{"latent": "sphere"}, {"loss": "bce"}, {"n_components": 7}, {"alpha": 9.0}],
    ids=lambda change: next(iter(change)),
)
def test_parameters_have_no_effect_until_the_next_fit(change):
    ae = AutoencoderTransformer(2, architecture=MLP((8,)), **SHORT).fit(ROWS)
    expected = ae.transform(ROWS), ae.reconstruct(ROWS), ae.score(ROWS)
    ae.set_params(**change)
    for found, before in zip((ae.transform(ROWS), ae.reconstruct(ROWS), ae.score(ROWS)), expected):
        np.testing.assert_array_equal(found, before)


@pytest.mark.parametrize("strategy", ["frozen", "finetune", "scratch"])
def test_a_classifier_uses_its_fitted_encoder(strategy):
    conv = AutoencoderTransformer(2, architecture=Conv((1, 4, 4), (2,)), **SHORT)
    clf = PretrainedEncoderClassifier(conv, strategy=strategy, **SHORT).fit(IMAGES, LABELS)
    expected = clf.predict_proba(IMAGES)
    other = AutoencoderTransformer(3, architecture=MLP(), **SHORT).fit(ROWS)
    for encoder in (None, AutoencoderTransformer(), FrozenEstimator(other)):
        np.testing.assert_array_equal(
            clf.set_params(encoder=encoder).predict_proba(IMAGES), expected
        )
