"""For every gene and stage that differs: which of the causes the evidence names.

A difference is split in two: ours less our value at R's inputs to the stage, which comes from an
earlier stage, and that value less R's, which is R's own rule there. The larger part names the
cause; but R's rule has to be shown, by the objective or by repeating it, whichever is larger.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import stages
from .evidence import NOISE, Evidence
from .stages import BY_NAME, Floats, Mask

Codes = NDArray[np.object_]
# Fitted means below this are raised to it in R.
CLAMP = 0.5
# A repetition of R's rule from R's own inputs agrees to rounding of the 12 digits of a text table.
REPEATED = 1e-7
# The same of its trend and prior, whose fits go through all genes.
SHARED = 1e-5
# Inheritance asks for the cause of a difference however small.
INHERITED = 1e-3


@dataclass(frozen=True, eq=False, kw_only=True)
class Sides:
    """Both analyses: values by stage, genes with replaced counts, largest Cook's distances."""

    ours: dict[str, Floats]
    theirs: dict[str, Floats]
    our_replaced: Mask
    their_replaced: Mask
    our_outlier: Mask
    their_outlier: Mask
    our_reason: Codes
    same_factors: bool
    replay: bool
    test: str
    their_converged: Mask
    padj_repeated: bool
    other_threshold: bool


@dataclass(eq=False)
class Attribution:
    """Reasons by stage (n_genes,), "" where both sides agree."""

    sides: Sides
    evidence: Evidence
    tolerance: float
    codes: dict[str, Codes] = field(default_factory=dict)

    def run(self) -> dict[str, Codes]:
        """Return the reasons of all stages that R has, first to last."""
        self._put(stages.BASE_MEAN, self._inputs())
        self._put(stages.GENEWISE, self._genewise())
        self._put(stages.TREND, self._trend())
        self._put(stages.MAP, self._map())
        self._put(stages.FINAL, self._final())
        self._put(stages.LFC, self._estimate(stages.LFC))
        self._put(stages.ERROR, self._estimate(stages.ERROR))
        self._put(stages.STATISTIC, self._statistic())
        self._put(stages.P, self._p())
        self._put(stages.PADJ, self._padj())
        return {name: self._reported(name) for name in BY_NAME}

    def _put(self, name: str, codes: Codes) -> None:
        differ = stages.apart(
            BY_NAME[name], self.sides.ours, self.sides.theirs, INHERITED * self.tolerance
        )
        self.codes[name] = np.where(differ, codes, "")

    def _reported(self, name: str) -> Codes:
        differ = stages.apart(BY_NAME[name], self.sides.ours, self.sides.theirs, self.tolerance)
        missing = np.isnan(self.sides.theirs[name]).all()
        return np.where(differ & ~missing, self.codes[name], "").astype(object)

    def _local(self, name: str) -> Mask:
        """Is R's own rule at a stage the larger part of the difference?"""
        stage, at = BY_NAME[name], self.evidence.at_theirs[name]
        inherited = np.abs(stages.changes(stage, self.sides.ours[name], at))
        own = np.abs(stages.changes(stage, at, self.sides.theirs[name]))
        return np.asarray(own >= inherited)

    def _split(self, name: str, own: Codes, inherited: Codes) -> Codes:
        """Of the two reasons at a stage that of the larger part; both have to be known."""
        at = dict(self.sides.ours) | {name: self.evidence.at_theirs[name]}
        real = stages.apart(BY_NAME[name], at, self.sides.theirs, self.tolerance)
        code = np.where(self._local(name), own, inherited)
        return np.where(real & (own == "unknown"), "unknown", code)

    def _inputs(self) -> Codes:
        """Counts or size factors that differ, where they do."""
        sides = self.sides
        replaced = sides.our_replaced | sides.their_replaced
        # Without either the same sum of the same numbers came out differently.
        rest = "unknown" if sides.same_factors else "size_factors"
        return np.where(replaced, "replaced", rest).astype(object)

    def _first_input(self, codes: Codes) -> Codes:
        """``codes``, but for genes whose counts or size factors differ."""
        return np.where(self.codes[stages.BASE_MEAN] != "", self.codes[stages.BASE_MEAN], codes)

    def _genewise(self) -> Codes:
        sides, evidence = self.sides, self.evidence
        ours, theirs = sides.ours[stages.GENEWISE], sides.theirs[stages.GENEWISE]
        at, loss = evidence.at_theirs[stages.GENEWISE], evidence.genewise_loss
        at_floor = theirs < 10.0 * stages.FLOOR
        own = np.select(
            [
                np.isnan(at) | np.isnan(ours),
                evidence.genewise_tied,
                ~(loss >= -NOISE) | sides.replay,
                at_floor & (at > theirs),
            ],
            ["no_own", "rounding" if sides.replay else "flat", "unknown", "stuck"],
            "off_maximum",
        ).astype(object)
        searched = sides.replay & evidence.genewise_tied
        inherited = self._first_input(np.where(searched, own, "unknown").astype(object))
        return self._split(stages.GENEWISE, own, inherited)

    def _trend(self) -> Codes:
        known = max(self.evidence.trend_gap, self.evidence.prior_gap) <= SHARED
        size = self.sides.ours[stages.TREND].shape
        return np.full(size, "trend" if known else "unknown", dtype=object)

    def _map(self) -> Codes:
        sides, evidence = self.sides, self.evidence
        own = np.select(
            [
                np.isnan(evidence.at_theirs[stages.MAP]),
                evidence.map_tied,
                ~(evidence.map_loss >= -NOISE) | sides.replay,
            ],
            ["no_own", "rounding" if sides.replay else "flat", "unknown"],
            "off_maximum",
        ).astype(object)
        # Under a trend and a prior of its own: everything before them is in these.
        inherited = np.select(
            [sides.replay & evidence.map_tied, self.codes[stages.TREND] != ""],
            [own, self.codes[stages.TREND]],
            "unknown",
        ).astype(object)
        inherited = self._first_input(inherited)
        return self._split(stages.MAP, own, inherited)

    def _final(self) -> Codes:
        ours, theirs = self.sides.ours, self.sides.theirs
        own_here = _kept_own(ours)
        own_there = _kept_own(theirs)
        return np.select(
            [own_here != own_there, own_here],
            ["outlier_rule", self.codes[stages.GENEWISE]],
            self.codes[stages.MAP],
        ).astype(object)

    def _moved(self) -> Codes:
        """What moved an estimate other than R's rule: counts, factors or the dispersion."""
        final = self.codes[stages.FINAL]
        return self._first_input(np.where(final != "", final, "unknown").astype(object))

    def _estimate(self, name: str) -> Codes:
        sides, evidence = self.sides, self.evidence
        judged = evidence.coefficients
        theirs, at = sides.theirs[name], evidence.at_theirs[name]
        worse = judged.loss >= -(NOISE + judged.noise)
        if name == stages.LFC:
            with np.errstate(invalid="ignore"):
                away = np.abs(at - theirs) / sides.theirs[stages.ERROR]
                shown = worse & (away <= 10.0 * judged.decrement + REPEATED)
            clamped = worse
        else:
            with np.errstate(invalid="ignore", divide="ignore"):
                repeated = np.abs(evidence.refitted_error / theirs - 1.0) <= REPEATED
            shown = clamped = repeated
        own = np.select(
            [
                evidence.empty & (sides.theirs[stages.LFC] == 0.0),
                _not_there(sides.our_reason) & np.isnan(sides.ours[name]),
                evidence.separated & worse,
                evidence.mean_only,
                np.full(at.shape, sides.replay) & ~sides.their_converged,
                (judged.lowest_mean < CLAMP) & clamped & ~np.isnan(theirs),
                shown & ~np.isnan(theirs),
            ],
            ["zero_contrast", sides.our_reason, "separated", "mean_only", "optim", "clamp",
             "early_stop"],
            "unknown",
        ).astype(object)  # fmt: skip
        return self._split(name, own, self._moved())

    def _statistic(self) -> Codes:
        """Of a Wald statistic the estimate's or the error's reason, whichever moves it more."""
        sides = self.sides
        if sides.test == "lrt":
            own = self.codes[stages.LFC]
            rest = np.where(self.evidence.mean_only, "mean_only", "reduced_fit")
            own = np.where((own == "") | (own == "unknown"), rest, own)
            return np.where(self._local(stages.STATISTIC), own, self._moved())
        return self._tested()

    def _tested(self) -> Codes:
        """The estimate's or the error's reason, whichever moves more."""
        ours, theirs = self.sides.ours, self.sides.theirs
        with np.errstate(all="ignore"):
            spread = np.abs(stages.changes(BY_NAME[stages.ERROR], ours[stages.ERROR],
                                           theirs[stages.ERROR]))  # fmt: skip
            moved = np.abs(stages.changes(BY_NAME[stages.LFC], ours[stages.LFC],
                                          theirs[stages.LFC]))  # fmt: skip
            moved = moved / np.fmax(np.abs(theirs[stages.LFC]), theirs[stages.ERROR])
        first = np.where(moved >= spread, self.codes[stages.LFC], self.codes[stages.ERROR])
        other = np.where(moved >= spread, self.codes[stages.ERROR], self.codes[stages.LFC])
        found = np.where(first != "", first, other)
        return np.where(found != "", found, "unknown")

    def _p(self) -> Codes:
        sides = self.sides
        flagged = sides.our_outlier != sides.their_outlier
        # A statistic within a threshold is 0 whatever the p-value.
        statistic = self.codes[stages.STATISTIC]
        statistic = np.where(statistic != "", statistic, self._tested())
        one_sided = np.isnan(sides.ours[stages.P]) != np.isnan(sides.theirs[stages.P])
        if sides.other_threshold:
            statistic = np.where(self._local(stages.P), "threshold_rule", statistic)
        code = np.where(flagged & one_sided, "cooks", statistic)
        return np.where(code != "", code, "unknown").astype(object)

    def _padj(self) -> Codes:
        sides = self.sides
        p = self.codes[stages.P]
        one, other = sides.ours[stages.P], sides.theirs[stages.P]
        both_tested = ~np.isnan(one) & ~np.isnan(other)
        one_sided = np.isnan(sides.ours[stages.PADJ]) != np.isnan(sides.theirs[stages.PADJ])
        own = stages.apart(BY_NAME[stages.P], sides.ours, sides.theirs, self.tolerance)
        code = np.select(
            [both_tested & one_sided, own], ["filter", p], "ranks"
        ).astype(object)  # fmt: skip
        return code if sides.padj_repeated else _unknown(code)


def _kept_own(values: dict[str, Floats]) -> Mask:
    """Genes that keep their gene-wise dispersion as final."""
    final, own, shrunken = (values[k] for k in (stages.FINAL, stages.GENEWISE, stages.MAP))
    return np.asarray((final == own) & (final != shrunken))


def _not_there(reason: Codes) -> Mask:
    return np.isin(reason, ("not_estimable", "not_converged", "no_residual_df", "no_weight"))


def _unknown(like: Any) -> Codes:
    return np.full(np.shape(like), "unknown", dtype=object)
