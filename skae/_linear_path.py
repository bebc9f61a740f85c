"""The fit of an autoencoder that is added to PCA."""

from dataclasses import replace

import numpy as np
import torch

from skae._parameter_checks import (
    check_linear_path,
    check_objective,
    may_have_linear_path,
    resolve_architecture,
    resolve_n_components,
)
from skae._sklearn_callbacks import begin_fit
from skae._training.memmap import is_in_large_file
from skae._training.principal_axes import coordinates
from skae._training.residual_fit import improve_columns, plan_axes, plan_fit
from skae._training.residual_net import Judge, ResidualNet, make_stopping

#: Learning rate that ``lr="auto"`` means.
LINEAR_PATH_LR = 1e-2


class LinearPathMixin:
    """Methods of AutoencoderTransformer for ``MLP(linear_path=True)``."""

    def _has_linear_path(self, data=None):
        """Return whether the network is to be added to PCA; None is without data to fit."""
        if self.architecture is None:
            fits = data is not None and data.group.size == 1 and not is_in_large_file(data.X)
            return fits and may_have_linear_path(self)
        if not getattr(self.architecture, "linear_path", False):
            return False
        check_linear_path(self)
        if data is None or data.group.size > 1 or is_in_large_file(data.X):
            raise ValueError(
                "architecture=MLP(linear_path=True) is for fit in one process, on samples in "
                "memory: use linear_path=False with partial_fit, groups of processes and files "
                "that are mapped into memory."
            )
        return True

    def _fit_from_pca(self, data, y):
        """Train a network that is added to PCA, and keep it if it is better."""
        check_objective(self)
        self.n_components_ = n_codes = resolve_n_components(self)
        self._settings = self._make_settings(self._draw_seed(), data.n_rows)
        self._settings = replace(
            self._settings, lr=LINEAR_PATH_LR if self.lr == "auto" else self.lr
        )
        plan = plan_fit(data, n_codes, self.validation_fraction, self._settings.seed)
        self._start_from_pca(plan, data)
        net = self._make_core_net(plan, data.X)
        history, converged, improved = net.history, True, False
        if plan.train is None:
            history.new_epoch()
            history.record("train_loss", plan.residual(n_codes) / self.n_features_in_)
            history.record("valid_loss", np.nan)
        else:
            history, converged, improved = self._train_core(net, plan, data, y)
        if improved:
            improve_columns(self.module_, self.net_.apply, data)
        elif not plan.uses_all:
            seed = self._settings.seed
            self._use_plan(plan_axes(data, n_codes, seed, n_axes=len(plan.axes)))
        self.net_.history = history
        self.loss_curve_ = np.array(history[:, "train_loss"])
        self.n_iter_ = len(self.loss_curve_)
        if plan.train is not None and plan.held_out_weight.any():
            self.validation_curve_ = np.array(history[:, "valid_loss"])
        self._update_best_loss(0)
        return converged

    def _start_from_pca(self, plan, data):
        """Build a network that is PCA, and the net for inference and for more training."""
        self._n_axes, self._latent = len(plan.axes), self.latent
        self._architecture = resolve_architecture(self)
        if self.architecture is None:
            is_wide = self._n_axes >= 32 and plan.train is not None and plan.held_out_weight.any()
            self._architecture.set_params(
                linear_path=True, hidden_layer_sizes=(256 if is_wide else 128,)
            )
        self.input_shape_ = (self.n_features_in_,)
        self._uses_standard_units = True
        self.module_ = self._build_module()
        self.net_ = self._make_net(self.module_, data.X.dtype)
        self._use_plan(plan)
        self.mean_, self._weight_seen = data.mean(), data.total_weight
        for name in ("components_", "explained_variance_", "explained_variance_ratio_"):
            vars(self).pop(name, None)
        self.loss_curve_, self.validation_curve_, self.best_loss_ = np.empty(0), None, np.nan

    def _use_plan(self, plan):
        """Set the linear path of the network, and reset the other path."""
        residual = plan.residual(self.n_components_)
        unit = residual or plan.total or 1.0
        self.module_.use_units(plan.center, 1.0)
        self.module_.use_axes(plan.axes, plan.variances, unit, plan.total or 1.0)
        self.module_.reset()

    def _make_core_net(self, plan, X):
        """Return the net that trains the network in the coordinates along the axes."""
        share = self._n_axes / self.n_features_in_
        left_out = max(0.0, plan.total - plan.variances.sum()) / self.n_features_in_
        changes = {"n_features": self._n_axes, "standard_units": True, "net_class": ResidualNet}
        core = self.module_.core
        return self._make_net(
            core, X.dtype, share=share, left_out=left_out, options={"betas": (0.9, 0.95)}, **changes
        )

    def _train_core(self, net, plan, data, y):
        """Train in the coordinates along the axes; return whether it converged and improved."""
        module = self.module_
        scale, device = module.scale.item(), module.scale.device
        axes = plan.axes
        train = plan.train.projected(plan.center, axes, scale)
        module.use_ranges(*train.limits())
        judged = coordinates(data.X[plan.judged], plan.center, axes, scale)
        tensors = (
            torch.as_tensor(part, dtype=module.scale.dtype, device=device)
            for part in (judged, plan.judged_weight, plan.held_out_weight)
        )
        judge = Judge(*tensors, net.module_)
        has_held_out, n_batches = plan.held_out_weight.any(), train.n_batches(net.batch_size)
        stopping = make_stopping(
            n_batches, self.max_epochs, self.n_iter_no_change, self.tol, has_held_out
        )
        task = begin_fit(self, stopping.max_epochs, data.X, y, data.weight)
        result = net.train(train, judge, stopping, verbose=self.verbose, task=task)
        if task is not None:
            task.end()
        return net.history, *result

    def _requested_architecture(self):
        """Return the architecture that the parameters mean: the fitted one, where it was chosen."""
        if self.architecture is None and self._n_axes is not None and may_have_linear_path(self):
            return self._architecture
        return resolve_architecture(self)
