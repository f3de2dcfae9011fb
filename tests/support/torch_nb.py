"""Write the table of torch's negative binomial: python tests/support/torch_nb.py OUTPUT.

Needs torch, which nothing else here does; the table and its version are kept with the tests.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

ROWS = 300


def points() -> np.ndarray:
    """Return counts, log means and log dispersions (ROWS, 3) in torch's good range."""
    rng = np.random.default_rng(20)
    eta = rng.uniform(np.log(1e-6), np.log(1e3), ROWS)
    theta = rng.uniform(np.log(1e-2), np.log(50.0), ROWS)
    size = np.exp(-theta)
    counts = rng.poisson(np.exp(eta) * rng.gamma(size) / size).astype(float)
    # Counts that the mean does not expect.
    counts[::5] = np.floor(np.exp(rng.uniform(0.0, 7.0, counts[::5].size)))
    counts = np.minimum(counts, 3000.0)
    return np.column_stack([counts, eta, theta])


def main() -> None:
    """Evaluate log_prob, its gradient and the mean, and write one row a point."""
    import torch

    lines = [
        f"# torch {torch.__version__}, float64",
        "count,eta,log_alpha,value,d_eta,d_log_alpha,mean",
    ]
    for row in points():
        count, eta, theta = (torch.tensor(v, dtype=torch.float64) for v in row)
        eta.requires_grad_()
        theta.requires_grad_()
        law = torch.distributions.NegativeBinomial(torch.exp(-theta), logits=eta + theta)
        value = law.log_prob(count)
        slopes = torch.autograd.grad(value, [eta, theta])
        shown = [count, eta, theta, value, *slopes, law.mean]
        lines.append(",".join(repr(float(v.detach())) for v in shown))
    Path(sys.argv[1]).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
