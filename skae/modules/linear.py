"""Linear autoencoder, and its rotation to the principal axes."""

import torch
from torch import nn
from torch.nn import functional as F

from skae.modules.layers import Transposed
from skae.modules.mlp import MLPAutoencoder


class LinearAutoencoder(MLPAutoencoder):
    """Linear autoencoder whose codes can be rotated to the scores of PCA.

    Training finds a plane and an arbitrary basis of it: any invertible matrix between encoder and
    decoder leaves the reconstruction unchanged. ``rotate`` sets that matrix so that the basis
    is that of PCA. The matrix is kept in buffers (``rotation``, ``inverse_rotation``, ``center``)
    and not in the weights, because an optimiser that continues would have moments in the old
    basis, and the relative size of encoder and decoder weights would change.

    Parameters
    ----------
    n_features : int
        Number of columns of X.
    n_components : int
        Number of latent codes.
    tied_weights : bool, default=False
        Whether the decoder uses the transposed weight of the encoder.

    Attributes
    ----------
    center : torch.Tensor of shape (n_components,)
        The encoder's output at the mean of X, a buffer.
    rotation, inverse_rotation : torch.Tensor of shape (n_components, n_components)
        From the encoder's output to codes, and its inverse; buffers.

    Examples
    --------
    >>> import torch
    >>> from skae.modules import LinearAutoencoder
    >>> module = LinearAutoencoder(n_features=5, n_components=2).double()
    >>> X = torch.arange(20.0).double().reshape(4, 5) ** 2
    >>> before = module(X)
    >>> components, variances = module.rotate(X.mean(dim=0), torch.cov(module.encode(X).t()))
    >>> torch.allclose(module(X), before)
    True
    >>> codes = module.encode(X)
    >>> torch.allclose(torch.cov(codes.t()), variances.diag())
    True
    >>> torch.allclose(module.decode(codes) - module.decode(0 * codes), codes @ components)
    True
    """

    def __init__(self, n_features, n_components, tied_weights=False):
        super().__init__(n_features, n_components, hidden_layer_sizes=(), tied_weights=tied_weights)
        self.register_buffer("center", torch.zeros(n_components))
        self.register_buffer("rotation", torch.eye(n_components))
        self.register_buffer("inverse_rotation", torch.eye(n_components))

    def encode(self, X):
        """Return the codes of X; in the units of X after ``rotate``."""
        return (super().encode(X) - self.center) @ self.rotation

    def decode(self, codes):
        """Return rows in the units of X."""
        return super().decode(codes @ self.inverse_rotation + self.center)

    @torch.no_grad()
    def rotate(self, mean, covariance):
        """Rotate the codes to scores on principal axes; the reconstruction is unchanged.

        The decoder's weight is ``D = U S V'``, so that ``S V' codes`` are coordinates in the
        orthonormal basis U of the plane of the reconstructions. The eigenvectors W of their
        covariance are the principal axes of the reconstructions. So the components are
        ``(U W)'``, and the scores ``W' S V' (codes - center)``, where ``center`` are the codes of
        the mean.

        Parameters
        ----------
        mean : array-like of shape (n_features,)
            The row whose codes are 0.
        covariance : array-like of shape (n_components, n_components)
            Of the codes, as ``encode`` returns them now, around those of the mean.

        Returns
        -------
        components : torch.Tensor of shape (n_components, n_features)
            Orthonormal rows, in float64. The largest element of each row is positive, which is
            the sign convention of scikit-learn's PCA. Rows beyond ``n_features`` are 0.
        variances : torch.Tensor of shape (n_components,)
            Of the reconstructions along each row, decreasing; 0 if below 1e-9 of the first.
        """
        E, b, D = self._weights()
        buffers = self.shift, self.scale, self.inverse_rotation
        shift, scale, inverse = (values.cpu().double() for values in buffers)
        center = E @ ((torch.as_tensor(mean).double() - shift) / scale) + b
        covariance = inverse.t() @ torch.as_tensor(covariance).double() @ inverse

        n_features, n_components = D.shape
        U, S, Vt = torch.linalg.svd(D, full_matrices=n_components > n_features)
        n_axes = len(S)
        to_plane = scale * S.unsqueeze(1) * Vt[:n_axes]
        variances, W = _principal_axes(to_plane @ covariance @ to_plane.t(), S)
        W = W * _signs(U @ W)

        components = D.new_zeros(n_components, n_features)
        components[:n_axes] = (U @ W).t()
        S = S.clamp(min=1e-12 * S[0])  # invertible even if the decoder ignores a code
        rotation, inverse = Vt.t() * scale, Vt / scale  # codes beyond the axes have no effect
        rotation[:, :n_axes] = (Vt[:n_axes].t() * (scale * S)) @ W
        inverse[:n_axes] = W.t() @ (Vt[:n_axes] / (scale * S).unsqueeze(1))
        self.center.copy_(center)
        self.rotation.copy_(rotation)
        self.inverse_rotation.copy_(inverse)
        return components, F.pad(variances, (0, n_components - n_axes))

    @torch.no_grad()
    def unrotate(self):
        """Reset the rotation to the identity."""
        self.center.zero_()
        for buffer in (self.rotation, self.inverse_rotation):
            nn.init.eye_(buffer)

    def _weights(self):
        """Return the encoder's weight and bias and the decoder's weight, in float64."""
        down, up = self.encoder[0], self.decoder[0]
        weight = down.weight.t() if isinstance(up, Transposed) else up.weight
        return tuple(values.cpu().double() for values in (down.weight, down.bias, weight))


def _principal_axes(covariance, S):
    """Return the variances and eigenvectors of a covariance, by decreasing variance.

    Eigenvectors of almost no variance are determined by rounding. Within their span, which is
    not, they are replaced by the eigenvectors of S², the squared singular values of the decoder.
    """
    variances, W = (values.flip(-1) for values in torch.linalg.eigh(covariance))
    n_used = int((variances > 1e-9 * variances[0]).sum())
    unused = W[:, n_used:]
    _, order = torch.linalg.eigh(unused.t() @ (S.square().unsqueeze(1) * unused))
    used = torch.arange(len(S)) < n_used
    return variances * used, torch.cat([W[:, :n_used], unused @ order.flip(-1)], dim=1)


def _signs(columns):
    """Return the sign of the largest element of each column.

    Of elements that are equal up to rounding, the first determines the sign.
    """
    sizes = columns.abs()
    first = (sizes >= (1 - 1e-6) * sizes.amax(dim=0)).int().argmax(dim=0)
    return columns.gather(0, first.unsqueeze(0)).squeeze(0).sign()
