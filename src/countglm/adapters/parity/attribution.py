"""For every gene and stage that differs: which of the causes the evidence names.

A difference is split in two: ours less our value at R's inputs to the stage, which comes from an
earlier stage, and that value less R's, which is R's own rule there. The larger part names the
cause; and R's value has to be what R's rule, repeated at R's inputs, comes to. Otherwise the
difference has no known reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import stages
from .evidence import Evidence
from .stages import BY_NAME, Floats, Mask

Codes = NDArray[np.object_]
# Fitted means below this are raised to it in R.
CLAMP = 0.5
# Differences of objectives below this are rounding of sums of many terms.
NOISE = 1e-9
# R's trend and prior go through all genes, of which 12 digits are known where they are text.
SHARED = 1e-5
# Inheritance asks for the cause of a difference however small.
INHERITED = 1e-3


@dataclass(frozen=True, eq=False, kw_only=True)
class Sides:
    """Both analyses: values by stage, and what is known of every gene besides.

    Attributes
    ----------
    our_outlier, their_outlier : (n_genes,) bool
        The gene loses its p-value by Cook's distance; R's only where its distance says so.
    our_reason : (n_genes,)
        Our word for a missing p-value.
    same_scale : bool
        Both divide counts by the same numbers.
    other_threshold : bool
        Both test a change beyond a threshold by other rules.
    padj_repeated : bool
        Our filtering and adjustment make R's adjusted p of R's p.
    """

    ours: dict[str, Floats]
    theirs: dict[str, Floats]
    our_replaced: Mask
    their_replaced: Mask
    our_outlier: Mask
    their_outlier: Mask
    our_reason: Codes
    same_scale: bool
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
        stage = BY_NAME[name]
        differ = stages.apart(stage, self.sides.ours, self.sides.theirs, INHERITED * self.tolerance)
        shown = self.evidence.repetition.shown.get(name)
        if shown is not None:
            codes = np.where(shown | self._flagged(name), codes, "unknown")
        # A difference from which nothing is inherited has no reason.
        self.codes[name] = np.where(differ, np.where(codes == "", "unknown", codes), "")

    def _flagged(self, name: str) -> Mask:
        """Genes without a p-value of R's for its distance: no rule of the test is repeated."""
        return self.sides.their_outlier & (name == stages.P)

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
        rest = "unknown" if sides.same_scale else "size_factors"
        return np.where(replaced, "replaced", rest).astype(object)

    def _first_input(self, codes: Codes) -> Codes:
        """``codes``, but for genes whose counts or size factors differ."""
        return np.where(self.codes[stages.BASE_MEAN] != "", self.codes[stages.BASE_MEAN], codes)

    def _searched(self, name: str) -> Codes:
        """In replay, what the last digit of equal inputs decides; else nothing is known."""
        shown = self.evidence.repetition.ours_shown.get(name, False)
        return np.where(shown, "rounding", _unknown(self.sides.ours[name])).astype(object)

    def _own_dispersion(self, name: str) -> Codes:
        """Why R's dispersion is another than ours at the same inputs."""
        sides, theirs = self.sides, self.sides.theirs[name]
        at, loss = self.evidence.at_theirs[name], self.evidence.losses[name]
        if sides.replay:
            # What differs from the repeated search, and is shown, its rounding decides.
            return np.full(at.shape, "rounding", dtype=object)
        stuck = (theirs < 10.0 * stages.FLOOR) & (at > theirs) & (name == stages.GENEWISE)
        with np.errstate(invalid="ignore"):
            conditions = [
                np.isnan(at) | np.isnan(sides.ours[name]), np.abs(loss) <= NOISE,
                ~(loss >= -NOISE), stuck,
            ]  # fmt: skip
        names = ["no_own", "flat", "unknown", "stuck"]
        return np.select(conditions, names, "off_maximum").astype(object)

    def _genewise(self) -> Codes:
        name = stages.GENEWISE
        inherited = self._first_input(self._searched(name))
        return self._split(name, self._own_dispersion(name), inherited)

    def _trend(self) -> Codes:
        repetition = self.evidence.repetition
        known = max(repetition.trend_gap, repetition.prior_gap) <= SHARED
        size = self.sides.ours[stages.TREND].shape
        return np.full(size, "trend" if known else "unknown", dtype=object)

    def _map(self) -> Codes:
        """Under a trend and a prior of its own: everything before them is in these."""
        name, trend, own = stages.MAP, self.codes[stages.TREND], self.codes[stages.GENEWISE]
        inherited = np.select(
            [trend != "", (own != "") & self.sides.replay],
            [trend, own],
            self._searched(name),
        ).astype(object)
        return self._split(name, self._own_dispersion(name), self._first_input(inherited))

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
        worse = judged.loss >= -(NOISE + judged.noise)
        conditions = [
            evidence.empty & (sides.theirs[stages.LFC] == 0.0),
            _not_there(sides.our_reason) & np.isnan(sides.ours[name]),
            ~worse,
            evidence.separated,
            np.full(worse.shape, evidence.mean_only),
            ~sides.their_converged,
            judged.lowest_mean < CLAMP,
        ]
        names: list[Any] = [
            "zero_contrast", sides.our_reason, "unknown", "separated", "mean_only", "optim",
            "clamp",
        ]  # fmt: skip
        own = np.select(conditions, names, "early_stop").astype(object)
        return self._split(name, own, self._moved())

    def _statistic(self) -> Codes:
        """Of a Wald statistic the estimate's or the error's reason, whichever moves it more."""
        sides = self.sides
        if sides.test == "lrt":
            own = self.codes[stages.LFC]
            rest = "mean_only" if self.evidence.mean_only else "reduced_fit"
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
        one, other = np.isnan(sides.ours[stages.P]), np.isnan(sides.theirs[stages.P])
        flagged = np.where(other, sides.their_outlier, sides.our_outlier)
        # A statistic within a threshold is 0 whatever the p-value.
        statistic = self.codes[stages.STATISTIC]
        statistic = np.where(statistic != "", statistic, self._tested())
        if sides.other_threshold:
            statistic = np.where(self._local(stages.P), "threshold_rule", statistic)
        code = np.where(flagged & (one != other), "cooks", statistic)
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
