"""Every use of a private name of torch, each with a fallback.

Private names may change with any release. Without one of them, training is slower or, on a GPU,
draws other random numbers, but not wrong.
"""

import threading
from contextlib import contextmanager
from functools import cache

import torch
from torch.optim import Adam, AdamW

_global_generator = threading.RLock()


@contextmanager
def _global_generator_as(generator):
    """Let the global generator have the state of another one in the enclosed code.

    Threads wait for one another, since they share the global generator.
    """
    library = torch if generator.device.type == "cpu" else torch.cuda
    with _global_generator:
        before = library.get_rng_state()
        library.set_rng_state(generator.get_state())
        try:
            yield
        finally:
            generator.set_state(library.get_rng_state())
            library.set_rng_state(before)


try:
    from torch.utils._python_dispatch import TorchDispatchMode

    class draws_from(TorchDispatchMode):
        """Draw the random numbers of the enclosed torch code from one generator.

        The global generator is neither read nor written, except by operators that take no other,
        such as ``torch.randn_like`` in older releases: it has its state again afterwards. Other
        threads are not affected, since dispatch modes are local to a thread.
        """

        def __init__(self, generator):
            super().__init__()
            self.generator = generator

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            func, takes_generator = _with_generator(func)
            kwargs = dict(kwargs or {})
            if takes_generator and kwargs.get("generator") is None:
                kwargs["generator"] = self.generator
            elif not takes_generator and torch.Tag.nondeterministic_seeded in func.tags:
                with _global_generator_as(self.generator):
                    return func(*args, **kwargs)
            return func(*args, **kwargs)

    @cache
    def _with_generator(func):
        """Return the overload of a torch operator that takes a generator, if it has one."""
        if any(argument.name == "generator" for argument in func._schema.arguments):
            return func, True
        name = func._overloadname
        name = "generator" if name == "default" else f"{name}_generator"
        if name in func.overloadpacket.overloads():
            return getattr(func.overloadpacket, name), True
        return func, False

except ImportError:
    draws_from = _global_generator_as


try:
    from torch import _fused_adam_, _fused_adamw_
    from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

    #: The fused updates by type of optimiser.
    FUSED_UPDATES = {Adam: _fused_adam_, AdamW: _fused_adamw_}
except ImportError:
    FUSED_UPDATES = {}


def has_hooks(optimizer):
    """Return whether hooks are registered for the steps of an optimiser, or may be."""
    try:
        own = optimizer._optimizer_step_pre_hooks, optimizer._optimizer_step_post_hooks
    except AttributeError:
        return True
    if not FUSED_UPDATES:
        return True
    return any((*own, _global_optimizer_pre_hooks, _global_optimizer_post_hooks))
