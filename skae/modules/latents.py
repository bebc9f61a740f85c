"""Kinds of latent codes: what the output of an encoder means.

Shapes: the output of the encoder is (batch, n_encoded); ``encoded`` is what ``split`` makes of it;
``codes`` is (batch, n_components).
"""

import torch
from torch.nn import functional as F

from skae.corruptions import add_noise, nested_dropout
from skae.penalties import kl_from_standard_normal

#: Range of the log-variances of codes: standard deviations from 0.007 to 2.7.
LOG_VARIANCE_LIMITS = -10.0, 2.0

#: Range in which log-variances are the output of the encoder plus a constant.
LOG_VARIANCE_IDENTITY = -5.0, 0.0

#: That constant, about the log-variance at the start of training. The noise is then smaller than
#: the codes of most rows even where a few outliers are the largest, and no code starts collapsed.
LOG_VARIANCE_START = -3.0


class Latent:
    """A kind of latent codes; the base is that of unconstrained numbers.

    A new kind is a subclass with an entry in :data:`LATENTS`.
    """

    #: Smallest number of codes.
    min_components = 1

    #: "euclidean", or "sphere" for codes of unit norm.
    geometry = "euclidean"

    #: Whether codes differ from the output of the encoder.
    transforms = False

    #: Whether the first codes are a representation without the others.
    is_nested = False

    #: Whether training draws random numbers.
    is_random = False

    #: Whether training brings the codes close to a standard normal distribution.
    has_prior = False

    #: Whether the output of the encoder must not be bounded by an activation.
    needs_identity_activation = False

    def n_encoded(self, n_components):
        """Return the number of outputs of the encoder for a number of codes."""
        return n_components

    def split(self, output):
        """Return the output of the encoder, or a tuple of its parts."""
        return output

    def codes(self, encoded, training):
        """Return the codes that the output of the encoder means; ``training`` is the mode."""
        return encoded

    def sample(self, codes, encoded, generator):
        """Return the input of the decoder in training."""
        return codes

    def distribution(self, encoded):
        """Return means and log-variances of normal distributions of codes, or None."""
        return None

    def penalty(self, encoded):
        """Return the penalty of each row that this kind adds to the objective, or None."""
        return None

    def add_onnx_nodes(self, graph, encoded, n_components):
        """Add the nodes that compute the codes to an ONNX graph and return their name.

        Parameters
        ----------
        graph : skae.onnx.Graph
            The graph.
        encoded : str
            Name of the output of the encoder.
        n_components : int
            Number of codes.
        """
        raise NotImplementedError(
            f"{type(self).__name__} codes have no conversion to ONNX: define add_onnx_nodes."
        )


class Euclidean(Latent):
    """Unconstrained numbers."""

    def add_onnx_nodes(self, graph, encoded, n_components):
        """Add nothing: the output of the encoder are the codes."""
        return encoded


class Ordered(Euclidean):
    """Numbers in order of importance, by nested dropout (Rippel et al., 2014)."""

    is_nested = True
    is_random = True

    def sample(self, codes, encoded, generator):
        """Return the codes with all but the first k of each row set to 0."""
        return nested_dropout(codes, generator)


class Sphere(Latent):
    """Points of the unit sphere, whose direction is the output of the encoder."""

    min_components = 2
    geometry = "sphere"
    transforms = True

    def codes(self, encoded, training):
        """Return the output of the encoder, divided by its norm."""
        if not training:  # training data are of order one; squares of other data may overflow
            encoded = encoded / encoded.abs().amax(dim=1, keepdim=True).clamp_min(1.0)
        # Zeros have no direction and an unbounded gradient: they are mapped to the first axis.
        is_zero = encoded.norm(dim=1, keepdim=True) < 1e-4
        first = torch.eye(1, encoded.shape[1], dtype=encoded.dtype, device=encoded.device)
        return F.normalize(encoded + is_zero * first, dim=1)

    def add_onnx_nodes(self, graph, encoded, n_components):
        """Add a normalisation."""
        norm = graph.add("ReduceL2", encoded, torch.tensor([1]))
        is_zero = graph.cast(graph.add("Less", norm, 1e-4))
        first = graph.add("Mul", is_zero, torch.eye(1, n_components))
        return graph.add("LpNormalization", graph.add("Add", encoded, first), axis=1, p=2)


class Gaussian(Latent):
    """Means of normal distributions; their log-variances are outputs of the encoder, too.

    This is a variational autoencoder (Kingma & Welling, 2014). Log-variances are bounded: the
    encoder is unbounded, and the exponential of its output for an outlier would be infinite.
    """

    transforms = True
    is_random = True
    has_prior = True
    needs_identity_activation = True

    def n_encoded(self, n_components):
        """Return two numbers per code: mean and log-variance."""
        return 2 * n_components

    def split(self, output):
        """Return means and bounded log-variances."""
        mean, log_variance = output.chunk(2, dim=1)
        return mean, bound_log_variance(log_variance)

    def codes(self, encoded, training):
        """Return the means."""
        return encoded[0]

    def sample(self, codes, encoded, generator):
        """Return a draw from each distribution."""
        return add_noise(codes, (encoded[1] / 2).exp(), generator)

    def distribution(self, encoded):
        """Return means and log-variances."""
        return encoded

    def penalty(self, encoded):
        """Return the KL divergence from the standard normal distribution."""
        return kl_from_standard_normal(*encoded)

    def add_onnx_nodes(self, graph, encoded, n_components):
        """Add a slice that selects the means."""
        return graph.add(
            "Slice", encoded, torch.tensor([0]), torch.tensor([n_components]), torch.tensor([1])
        )


def bound_log_variance(output):
    """Return log-variances within their limits, a smooth and increasing function of the output.

    It adds a constant in the range that codes with information use, and approaches the limits
    beyond. Its slope falls with the square of the distance, so that training can return from far
    outside, where a saturated tanh has no gradient left.
    """
    (low, high), (lower, upper) = LOG_VARIANCE_LIMITS, LOG_VARIANCE_IDENTITY
    values = output + LOG_VARIANCE_START
    above, below = F.relu(values - upper), F.relu(lower - values)
    bounded = values.clamp(lower, upper)
    return bounded + above / (1 + above / (high - upper)) - below / (1 + below / (lower - low))


#: Kinds of latent codes by name.
LATENTS = {
    "euclidean": Euclidean(),
    "ordered": Ordered(),
    "sphere": Sphere(),
    "gaussian": Gaussian(),
}
