# Fits the study that R wrote and writes every number's bits, for a comparison with R's own call.
import sys

import numpy as np
import pandas as pd

import countglm

folder = sys.argv[1]
table = pd.read_csv(f"{folder}/counts.csv", index_col=0)
obs = pd.read_csv(f"{folder}/samples.csv", index_col=0, float_precision="round_trip")
obs["condition"] = pd.Categorical(obs["condition"], ["untrt", "trt"])
offset = np.fromfile(f"{folder}/offset.bin", "<f8").reshape(table.shape, order="F").T
weights = np.fromfile(f"{folder}/weights.bin", "<f8")

calls = {
    "formula": {"design": "~ batch + condition"},
    "interaction": {"design": "~ batch * condition"},
    "number": {"design": "~ age + condition"},
    "poisson": {"design": "~ condition", "family": "poisson"},
    "offset": {"design": "~ condition", "offset": offset},
    "weights": {"design": "~ batch + condition", "weights": weights},
    "poscounts": {"design": "~ condition", "size_factors": "poscounts"},
}
parts = ("coefficients", "standard_errors", "dispersion", "deviance", "log_likelihood")
lines = []
for name, options in calls.items():
    fit = countglm.fit_glm(table.T, obs=obs, **options)
    tested = countglm.wald_test(fit, ["condition", "trt", "untrt"])
    values = {part: getattr(fit, part) for part in (*parts, "size_factors", "newton_decrement")}
    values |= {part: tested[part].to_numpy() for part in ("stat", "pvalue", "padj")}
    for part, array in values.items():
        lines.append(f"{name} {part} {array.ravel(order='F').astype('>f8').tobytes().hex()}")
with open(f"{folder}/python.txt", "w") as out:
    out.write("\n".join(lines) + "\n")
