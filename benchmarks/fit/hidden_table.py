"""The table of fits of hidden cultures (``hidden.py``): pass rates, returns, gain losses, and medians over cultures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from livn_gym.agents.report import markdown

KINDS = ("linear", "PI")
"""Kinds of agents that were trained."""


def number(path: Path) -> int:
    """Return the number of the culture in the name of a result."""
    return int(path.stem.removeprefix("culture-"))


def loss(returns: Mapping[str, list[float]], arm: str, kind: str) -> tuple[float, float, float]:
    """Return the gain loss of an arm, and its 95 % interval over resampled episodes."""
    columns = np.array([returns[name] for name in ("silent", f"true {kind}", f"{arm} {kind}")])
    draws = np.random.default_rng(0).integers(0, columns.shape[1], (2000, columns.shape[1]))

    def of(means: np.ndarray) -> np.ndarray:
        return (means[1] - means[2]) / (means[1] - means[0])

    low, high = np.quantile(of(columns[:, draws].mean(axis=2)), (0.025, 0.975))
    return float(of(columns.mean(axis=1))), float(low), float(high)


def table(results: Path) -> str:
    """Return the table of all results as Markdown, with medians."""
    rows, ratios = [], []
    losses: dict[str, list[float]] = {f"{arm} {kind}": [] for kind in KINDS for arm in ("fitted", "generic")}
    for path in sorted(results.glob("culture-[0-9]*.json"), key=number):
        r = json.loads(path.read_text())
        fitted = r["fitted_pass_rate"]
        cells = {}
        for name, found in losses.items():
            if name in r["returns"]:
                value, low, high = loss(r["returns"], *name.split())
                found.append(value)
                cells[name] = f"{100 * value:.0f} ({100 * low:.0f} ... {100 * high:.0f})"
        if fitted is not None:
            ratios.append(fitted / r["true_pass_rate"] if r["true_pass_rate"] else np.nan)
        means = {name: float(np.mean(values)) for name, values in r["returns"].items()}
        rows.append(
            (
                str(number(path)),
                f"{r['recorded']['rate_hz']:.1f}",
                f"{r['recorded']['bursts_per_s']:.2f}",
                f"{r['accepted']} of {len(r['candidates'])}",
                "-" if fitted is None else f"{100 * fitted:.0f}",
                f"{100 * r['true_pass_rate']:.0f}",
                f"{100 * r['generic_pass_rate']:.0f}",
                f"{100 * r['fitted_other_graphs_pass_rate']:.0f} / {100 * r['true, other graphs_pass_rate']:.0f}",
                f"{means['silent']:.1f} / {means['true linear']:.1f} / {means['true PI']:.1f}",
                *(cells.get(name, "no set") for name in losses),
            )
        )
    headings = (
        "culture",
        "rate per channel (Hz)",
        "bursts per s",
        "accepted sets",
        "passing runs, fitted (%)",
        "passing runs, true (%)",
        "passing runs, generic (%)",
        "passing runs on other graphs, fitted / true (%)",
        "return, silent / true linear / true PI",
        *(f"gain loss, {name} (%)" for name in losses),
    )
    lines = [markdown(rows, headings), ""]
    if ratios:
        lines.append(f"- Passing runs, fitted / true, median: {np.nanmedian(ratios):.2f}")
    for name, found in losses.items():
        if found:
            low, high = median_interval(found)
            lines.append(
                f"- Gain loss, {name}, median of {len(found)} cultures: {100 * np.median(found):.0f} %"
                f" (95 % interval over cultures {100 * low:.0f} ... {100 * high:.0f})"
            )
    return "\n".join(lines)


def median_interval(values: list[float]) -> tuple[float, float]:
    """Return the 95 % interval of a median over resampled cultures."""
    draws = np.random.default_rng(0).integers(0, len(values), (10_000, len(values)))
    low, high = np.quantile(np.median(np.array(values)[draws], axis=1), (0.025, 0.975))
    return float(low), float(high)
