"""Data-parallel training: the exchanges between the ranks of a ``torch.distributed`` group.

Each rank has a share of the rows, and all have the same weights at every step. A batch consists of
an equal part of each share. Each rank computes the gradient of its part, and all take a step with
the mean, weighted by the sample weights of the parts. Without a group there is one rank, and every
method returns its argument.
"""

import re
from contextlib import contextmanager

import torch
from torch import distributed


class Group:
    """The processes that train together.

    Parameters
    ----------
    rank : int, default=0
        Rank of this process.
    size : int, default=1
        Number of processes.
    """

    def __init__(self, rank=0, size=1):
        self.rank = rank
        self.size = size

    def gather(self, value):
        """Return the values of all ranks, in their order; they are pickled, so pass small ones."""
        if self.size == 1:
            return [value]
        values = [None] * self.size
        with self._explain_lost_rank():
            distributed.all_gather_object(values, value)
        return values

    def average(self, value, weight):
        """Return the weighted mean of a number or array over ranks: the same bits on each."""
        if self.size == 1:
            return value
        pairs = self.gather((value, weight))
        return sum(value * weight for value, weight in pairs) / sum(weight for _, weight in pairs)

    def average_gradients(self, gradients, loss, weight):
        """Replace gradients by their weighted mean over ranks, by one all-reduce of one vector.

        Parameters
        ----------
        gradients : list of torch.Tensor
            Of this rank's part of the batch; overwritten.
        loss : torch.Tensor
            The mean loss of that part, a scalar.
        weight : torch.Tensor or int
            The sum of the weights of its rows.

        Returns
        -------
        torch.Tensor
            The mean loss of the batch.
        """
        if self.size == 1:
            return loss
        loss = loss.detach().reshape(1)
        packed = torch.cat([*(values.ravel() for values in gradients), loss, torch.ones_like(loss)])
        packed *= weight
        with self._explain_lost_rank():
            distributed.all_reduce(packed)
        packed /= packed[-1].clone()
        sizes = [values.numel() for values in gradients]
        for values, mean in zip(gradients, packed.split([*sizes, 1, 1])):
            values.copy_(mean.view_as(values))
        return packed[-2]

    def broadcast(self, tensors):
        """Replace the values of all ranks by those of rank 0, in place."""
        if self.size > 1:
            with self._explain_lost_rank():
                for values in tensors:
                    distributed.broadcast(values, 0)

    @contextmanager
    def propagate_errors(self):
        """Raise an error of the enclosed code of one rank on all ranks.

        The others would otherwise wait for that rank.
        """
        try:
            yield
        except Exception as error:
            self.gather(f"{type(error).__name__}: {error}")
            raise
        for rank, error in enumerate(self.gather(None)):
            if error is not None:
                raise RuntimeError(
                    f"Training ended on all ranks because of an error on rank {rank}: {error}"
                )

    def check_same(self, **named):
        """Raise an error if a value is not the same on all ranks.

        Values are compared by their ``repr`` without addresses in memory.
        """
        ranks = self.gather(
            {name: re.sub(" at 0x[0-9a-fA-F]+", "", repr(value)) for name, value in named.items()}
        )
        for rank, theirs in enumerate(ranks):
            for name, value in ranks[0].items():
                if theirs.get(name) != value:
                    raise ValueError(
                        f"Rank 0 has {name}={value}, rank {rank} has {name}={theirs.get(name)}: "
                        "ranks that train one model need the same parameters, columns, dtype "
                        "and initial network."
                    )

    def check_shares(self, n_rows):
        """Raise an error if the numbers of rows of positive weight differ too much."""
        counts = self.gather(n_rows)
        if max(counts) > 2 * min(counts):
            raise ValueError(
                f"The ranks have shares of {min(counts)} to {max(counts)} rows, but each batch "
                "takes an equal part of each share: pass about as many rows on each rank."
            )

    @contextmanager
    def _explain_lost_rank(self):
        try:
            yield
        except RuntimeError as error:
            if "timed out" in str(error).lower():  # torch has no class of its own for it
                what = (
                    "has waited for another rank for longer than the timeout of "
                    "init_process_group: that rank hangs, has much more work, or continued after "
                    "an error. To find out which rank it is, set TORCH_DISTRIBUTED_DEBUG=DETAIL"
                )
            else:
                what = "has lost another rank: see the last output of that rank"
            raise RuntimeError(
                f"Rank {self.rank} of {self.size} {what}, and start all ranks again. ({error})"
            ) from error


def current_group():
    """Return the group of this process: that of ``torch.distributed``, or a group of one."""
    if distributed.is_available() and distributed.is_initialized():
        return Group(distributed.get_rank(), distributed.get_world_size())
    return Group()
