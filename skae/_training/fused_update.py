"""The step of a fused Adam optimiser without the overhead of ``optimizer.step``."""

from torch.optim import Adam, AdamW

from skae._torch_compat import FUSED_UPDATES, has_hooks


def fused_update(optimizer):
    """Return a :class:`FusedUpdate` of an optimiser, or None where ``optimizer.step`` is needed.

    ``python benchmarks/bench_fit.py --case updates`` shows the gain.
    """
    return FusedUpdate(optimizer) if can_update(optimizer) else None


class FusedUpdate:
    """The step of a fused optimiser of torch for one vector of weights per group.

    In each step, torch collects weights, devices and hooks that have not changed since the last
    one, which takes longer than the update of a small network. The state stays in the optimiser,
    the learning rate and other options in its groups.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        For which ``can_update`` holds.
    """

    #: Supported types of optimisers.
    kinds = (Adam, AdamW)

    def __init__(self, optimizer):
        self.groups = []
        for group in optimizer.param_groups:
            (vector,) = group["params"]
            state = optimizer.state[vector]
            tensors = vector.detach(), vector.grad, state["exp_avg"], state["exp_avg_sq"]
            decouples = group.get("decoupled_weight_decay", type(optimizer) is AdamW)
            update = FUSED_UPDATES[AdamW if decouples else Adam]
            self.groups.append((update, group, [[values] for values in tensors], state["step"]))

    def __call__(self):
        """Take one step along the gradients."""
        for update, group, tensors, n_steps in self.groups:
            n_steps.add_(1)
            beta1, beta2 = group["betas"]
            update(
                *tensors,
                [],
                [n_steps],
                lr=group["lr"],
                beta1=beta1,
                beta2=beta2,
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=group["maximize"],
            )


def can_update(optimizer):
    """Return whether :class:`FusedUpdate` does what the next steps of an optimiser would do.

    It must have made a step, so that it has a state, and its steps must not be wrapped, as by
    torch's learning-rate schedules, or have hooks.
    """
    return (
        type(optimizer) in FusedUpdate.kinds
        and "step" not in vars(optimizer)
        and not has_hooks(optimizer)
        and all(
            group["fused"]
            and not group["amsgrad"]
            and len(group["params"]) == 1
            and group["params"][0].grad is not None
            and optimizer.state.get(group["params"][0])
            for group in optimizer.param_groups
        )
    )
