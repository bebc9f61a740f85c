"""Axes for a map of the unit sphere."""

import numpy as np

#: Tick labels of the angles, which are multiples of π/2.
ANGLE_LABELS = {-np.pi: "-π", -np.pi / 2: "-π/2", 0: "0", np.pi / 2: "π/2", np.pi: "π"}


def format_sphere_axes(ax):
    """Set the limits, labels, ticks and grid of Axes for a map of the sphere.

    The azimuth phi is on the x axis. The polar angle theta is on the y axis, with 0 at the top.
    """
    ax.set(xlim=(-np.pi, np.pi), ylim=(np.pi, 0), xlabel="phi", ylabel="theta", aspect="equal")
    ax.set_xticks(list(ANGLE_LABELS), ANGLE_LABELS.values())
    polar_angles = [angle for angle in ANGLE_LABELS if angle >= 0]
    ax.set_yticks(polar_angles, [ANGLE_LABELS[angle] for angle in polar_angles])
    odd_multiples = np.pi / 4 * np.arange(-3, 4, 2)
    ax.set_xticks(odd_multiples, minor=True)
    ax.set_yticks(odd_multiples[2:], minor=True)
    ax.grid(which="both", color="0.85", linewidth=0.6)
    ax.set_axisbelow(True)
