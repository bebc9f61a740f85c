"""scikit-learn's estimator checks for every variant of the estimators."""

import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks
from skorch.callbacks import GradientNormClipping

from skae import AutoencoderTransformer, PretrainedEncoderClassifier
from skae.architectures import MLP, Conv, Linear, Recurrent


class OwnModule(torch.nn.Module):
    """A module of a torch user."""

    def __init__(self, n_features, n_components):
        super().__init__()
        self.down = torch.nn.Linear(n_features, n_components)
        self.up = torch.nn.Linear(n_components, n_features)

    def encode(self, X):
        return self.down(X)

    def decode(self, codes):
        return self.up(codes)


class Clipping(GradientNormClipping):
    """A callback with the same repr in all processes of pytest-xdist."""

    def __repr__(self):
        return "Clipping()"


VARIANTS = [
    AutoencoderTransformer(),
    AutoencoderTransformer(max_epochs=5),
    AutoencoderTransformer(architecture=Linear(), max_epochs=100),
    AutoencoderTransformer(architecture=Linear(), max_epochs=5),
    AutoencoderTransformer(architecture=MLP(), max_epochs=100),
    AutoencoderTransformer(architecture=Linear(tied_weights=True), max_epochs=100),
    AutoencoderTransformer(architecture=MLP((32, 16), tied_weights=True), max_epochs=100),
    AutoencoderTransformer(architecture=MLP((32,), dropout=0.2), max_epochs=100),
    AutoencoderTransformer(architecture=MLP((32,), output_activation="softplus"), max_epochs=100),
    AutoencoderTransformer(architecture=OwnModule, max_epochs=100),
    AutoencoderTransformer(loss="mae", max_epochs=100),
    AutoencoderTransformer(loss="huber", max_epochs=100),
    AutoencoderTransformer(loss=torch.nn.SmoothL1Loss(reduction="none"), max_epochs=5),
    AutoencoderTransformer(optimizer="adamw"),
    AutoencoderTransformer(optimizer="sgd", max_epochs=100),
    AutoencoderTransformer(optimizer="lbfgs", max_epochs=5),
    AutoencoderTransformer(optimizer=torch.optim.RMSprop, max_epochs=100),
    AutoencoderTransformer(n_components=2, batch_size=32),
    AutoencoderTransformer(early_stopping=True),
    AutoencoderTransformer(weight_decay=0.1, max_epochs=5),
    AutoencoderTransformer(callbacks=[Clipping(0.1)], max_epochs=5),
    AutoencoderTransformer(architecture=MLP((32, 16)), pretrain="layerwise", max_epochs=5),
    AutoencoderTransformer(architecture=MLP((32,), "prelu", norm="batch"), max_epochs=5),
    AutoencoderTransformer(architecture=MLP((32,), "selu", norm="layer"), max_epochs=5),
    AutoencoderTransformer(architecture=Conv((1, -1), (4, 4), activation="tanh"), max_epochs=5),
    AutoencoderTransformer(architecture=Conv((1, -1, 1), (4,), stride=1), max_epochs=5),
    AutoencoderTransformer(architecture=Conv((1, -1), (4,), stride=1, norm="batch"), max_epochs=5),
    AutoencoderTransformer(
        architecture=Conv((1, -1), (4,), stride=1, norm="layer", dropout=0.1), max_epochs=5
    ),
    AutoencoderTransformer(architecture=Recurrent((-1, 1), 8), max_epochs=5),
    AutoencoderTransformer(
        architecture=Recurrent((-1, 1), 8, "gru", padding_value=0.0), max_epochs=5
    ),
    AutoencoderTransformer(
        architecture=Recurrent((-1, 1), 4, padding_value=0.0, num_layers=2, bidirectional=True),
        max_epochs=5,
    ),
    AutoencoderTransformer(latent="ordered", max_epochs=5),
    AutoencoderTransformer(latent="sphere", max_epochs=5),
    AutoencoderTransformer(latent="gaussian", max_epochs=5),
    AutoencoderTransformer(corruption="gaussian", max_epochs=5),
    AutoencoderTransformer(corruption="masking", max_epochs=5),
    AutoencoderTransformer(corruption="salt_pepper", max_epochs=5),
    AutoencoderTransformer(penalty="l1", max_epochs=5),
    AutoencoderTransformer(
        architecture=MLP(latent_activation="sigmoid"), penalty="kl", max_epochs=5
    ),
    AutoencoderTransformer(penalty="contractive", max_epochs=5),
    AutoencoderTransformer(
        architecture=MLP((), latent_activation="tanh"), penalty="contractive", max_epochs=5
    ),
]

CLASSIFIERS = [
    PretrainedEncoderClassifier(),
    PretrainedEncoderClassifier(AutoencoderTransformer(), strategy="frozen"),
    PretrainedEncoderClassifier(AutoencoderTransformer(), strategy="scratch", max_epochs=200),
]

#: The one check that some variants cannot pass by definition, and why.
WEIGHTS_ARE_NOT_REPETITION = "check_sample_weight_equivalence_on_dense_data"


def expected_failures(estimator):
    if getattr(estimator.architecture, "dropout", 0):
        reason = "dropout draws for each row, so repeated rows are not treated alike"
    elif estimator.corruption is not None:
        reason = "corruption draws for each row, so repeated rows are not treated alike"
    elif estimator.latent in ("ordered", "gaussian"):
        reason = "codes are drawn or hidden for each row, so repeated rows are not treated alike"
    else:
        return {}
    return {WEIGHTS_ARE_NOT_REPETITION: reason}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(VARIANTS, expected_failed_checks=expected_failures)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(CLASSIFIERS)
def test_scikit_learn_checks_of_classifiers(estimator, check):
    check(estimator)


#: Checks that scikit-learn runs on its own estimators but leaves out of check_estimator.
MORE_CHECKS = [
    estimator_checks.check_dataframe_column_names_consistency,
    estimator_checks.check_get_feature_names_out_error,
    estimator_checks.check_global_output_transform_pandas,
    estimator_checks.check_global_set_output_transform_polars,
    estimator_checks.check_inplace_ensure_writeable,
    estimator_checks.check_param_validation,
    estimator_checks.check_readonly_memmap_input,
    estimator_checks.check_set_output_transform,
    estimator_checks.check_set_output_transform_pandas,
    estimator_checks.check_set_output_transform_polars,
    estimator_checks.check_transformer_get_feature_names_out,
    estimator_checks.check_transformer_get_feature_names_out_pandas,
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@pytest.mark.parametrize("check", MORE_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(
    "estimator", [VARIANTS[0], VARIANTS[2], VARIANTS[8]], ids=["default", "linear", "own module"]
)
def test_checks_that_scikit_learn_keeps_for_itself(estimator, check):
    check(type(estimator).__name__, estimator)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_dataframe_column_names_consistency,
        estimator_checks.check_inplace_ensure_writeable,
        estimator_checks.check_param_validation,
        estimator_checks.check_readonly_memmap_input,
    ],
    ids=lambda check: check.__name__,
)
@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=lambda estimator: estimator.strategy)
def test_checks_of_classifiers_that_scikit_learn_keeps_for_itself(estimator, check):
    check(type(estimator).__name__, estimator)


def test_a_fixed_number_of_epochs_warns_as_mlp_regressor_does():
    X = torch.randn(50, 4, generator=torch.Generator().manual_seed(0)).numpy()
    with pytest.warns(ConvergenceWarning, match=r"max_epochs=2 reached .* Increase max_epochs"):
        AutoencoderTransformer(max_epochs=2, random_state=0).fit(X)
    AutoencoderTransformer(max_epochs=2, tol=None, random_state=0).fit(X)  # warnings are errors
