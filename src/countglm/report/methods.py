"""A methods paragraph for a paper, made of the settings of an analysis, with its citations."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from countglm._names import plural
from countglm.report.about import NOTHING, About
from countglm.report.citations import Citations
from countglm.report.comparison import comparison
from countglm.report.html import section
from countglm.report.repeat_choices import by_call, flags_dropped

if TYPE_CHECKING:
    from countglm.deresult import DEResult

# How a size factor was found, and what is cited for it.
_SIZE_FACTORS = {
    "ratio": ("the median ratio of counts to their geometric means over samples", "ratio"),
    "poscounts": (
        "the median ratio of counts to geometric means in which zeros count as no factor", "ratio",
    ),
    "iterate": ("maximising the likelihood of the counts over size factors in turn", "deseq2"),
    "tmm": ("trimmed means of log ratios", "tmm"),
    "library": ("the total count of the sample", ""),
}  # fmt: skip
_TRENDS = {
    "parametric": "a curve a0 + a1/mean",
    "local": "a local regression on the logarithm of the mean",
    "mean": "their trimmed mean",
    "given": "a trend that was given",
}
_PRIORS = {
    "apeglm": ("a heavy-tailed (Cauchy) prior", "apeglm"),
    "normal": ("normal priors", "deseq2"),
    "ash": ("a mixture of normal priors learnt from all genes", "stephens"),
}


def methods_section(results: Mapping[str, DEResult], about: About = NOTHING) -> str:
    """The paragraph and its references, to be copied."""
    sentences, references = methods_text(results, about)
    listed = "".join(f"<li>{escape(text)}</li>" for text in references)
    return section(
        "Methods, ready to paste",
        f'<div class="paste" id="methods-text"><p>{escape(" ".join(sentences))}</p>\n'
        f"<ol>{listed}</ol></div>",
        "<p>Name the source of the counts (aligner, annotation, quantification) beside it: this "
        "page cannot know it.</p>",
    )


def methods_text(
    results: Mapping[str, DEResult], about: About = NOTHING
) -> tuple[list[str], list[str]]:
    """Return the sentences and the references that they cite by number."""
    first, cite = next(iter(results.values())), Citations()
    sentences = [_engine(first, cite), *_genes(about)]
    calls = by_call(results)
    for call in calls:
        told = [each for each in _of_one_call(call, cite) if each not in sentences]
        if len(calls) > 1 and told:
            names = "; ".join(
                f"{name} ({_contrast_words(result)})" if name else _contrast_words(result)
                for name, result in call.items()
            )
            told[0] = f"For {names}: {told[0]}"
        sentences += told
    return sentences, cite.listed


def _of_one_call(results: Mapping[str, DEResult], cite: Citations) -> list[str]:
    """What is told of results of one fit by the same choices."""
    first = next(iter(results.values()))
    return [
        _model(first),
        *_normalisation(first, cite),
        *_dispersions(first, cite),
        *_outliers(first, cite),
        *_tests(results, cite),
        *_adjustment(first, cite),
        *_shrinkage(first, cite),
    ]


def _engine(result: DEResult, cite: Citations) -> str:
    versions = result.provenance.get("versions", {})
    tools = ", ".join(
        f"{name} {versions[key]}"
        for key, name in (("python", "Python"), ("numpy", "NumPy"), ("scipy", "SciPy"))
        if key in versions
    )
    engine = f"countglm {versions.get('countglm', '')}".strip()
    how = (
        "by the procedure of DESeq2 1.38, its starting values and stopping rules included"
        if result.settings["mode"] == "replay"
        else "following the model of DESeq2, each coefficient at the optimum of its likelihood"
    )
    return (
        f"Differential expression was tested with {engine}{f' ({tools})' if tools else ''}, "
        f"{how} {cite('deseq2')}."
    )


def _model(result: DEResult) -> str:
    design = result.fit.design.formula
    model = "a given design matrix" if design is None else f"the design {design}"
    weighted = "" if result.fit.weights is None else ", with weights given for the observations"
    return (
        "Counts of every gene were described by a negative binomial generalised linear model with "
        f"a log link and {model}, in {plural(result.fit.n_samples, 'sample')}"
        f"{_which_samples(result)}{weighted}."
    )


def _which_samples(result: DEResult) -> str:
    """The group of samples that was analysed alone; empty for all of them."""
    group = dict(result.settings.get("group") or {})
    parts = [f"{name} = {label}" for name, label in group.items()]
    if parts and (control := result.settings.get("control")) is not None:
        parts[-1] += f" or {control} (the control)"
    return f" with {' and '.join(parts)}" if parts else ""


def _genes(about: About) -> list[str]:
    if not about.n_dropped:
        return []
    why = f" ({about.drop_rule})" if about.drop_rule else ""
    return [f"{plural(about.n_dropped, 'gene')} {_was(about.n_dropped)} left out before{why}."]


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def _normalisation(result: DEResult, cite: Citations) -> list[str]:
    method, settings = result.settings["size_factors"], result.settings
    if settings.get("normalization_factors"):
        return ["Counts were normalised by factors given for every gene and sample."]
    more = (
        []
        if result.fit.offset is None
        else ["An offset that was given entered the logarithm of every expected count besides."]
    )
    if method == "none":
        return ["Counts were not scaled for sequencing depth.", *more]
    if method not in _SIZE_FACTORS:
        return ["Sequencing depth entered by given size factors.", *more]
    told, source = _SIZE_FACTORS[method]
    mark = f" {cite(source)}" if source else ""
    means = " (given ones)" if settings.get("geo_means") else ""
    genes = ", over control genes that were given" if settings.get("control_genes") else ""
    return [f"Size factors of the samples were estimated by {told}{means}{genes}{mark}.", *more]


def _dispersions(result: DEResult, cite: Citations) -> list[str]:
    stages = result.dispersion
    if stages.trend_kind == "none":
        return ["Dispersions were given."]
    prior = "given" if result.settings["prior_variance"] != "estimated" else "estimated"
    return [
        "Dispersions were estimated for every gene by Cox-Reid adjusted profile likelihood "
        f"{cite('cox_reid')}, their trend over the mean by "
        f"{_TRENDS.get(stages.trend_kind, 'a given function')}, and shrunken towards it under a "
        f"log-normal prior of {prior} variance {stages.prior_variance:.3g}; genes far above the "
        f"trend kept their own dispersion {cite('deseq2')}."
    ]


def _outliers(result: DEResult, cite: Citations) -> list[str]:
    outliers = result.outliers
    replaced = 0 if outliers is None else int(outliers.replaced_gene.size)
    if outliers is None or (result.settings["cooks_cutoff"] is None and not replaced):
        return ["Outlying counts were not looked for."]
    told = f"Counts with a Cook's distance {cite('cook')} above {outliers.cutoff:.3g}"
    if not replaced:
        return [f"{told} in groups of three or more replicates left their gene without a p-value."]
    least = result.settings["min_replicates_for_replacement"]
    left = (
        "no gene lost its p-value for such a count"
        if flags_dropped(result)
        else "genes with such a count in smaller groups of three or more got no p-value"
    )
    return [
        f"{told} in groups of at least {least:g} replicates were replaced by the trimmed mean "
        f"({plural(replaced, 'count')} in {plural(int(outliers.refitted.sum()), 'gene')}), and "
        f"{left}."
    ]


def _tests(results: Mapping[str, DEResult], cite: Citations) -> list[str]:
    first = next(iter(results.values()))
    settings = first.settings
    if settings["test"] == "lrt":
        reduced = settings["reduced"]
        smaller = "a smaller design" if reduced in (None, "given") else f"the design {reduced}"
        return [f"Genes were tested by likelihood ratio {cite('wilks')} against {smaller}."]
    labels = "; ".join(_contrast_words(result) for result in results.values())
    distribution = "Student's t" if settings["use_t"] else "the normal distribution"
    told = [
        f"Fold changes ({labels}) were tested by Wald statistics referred to {distribution}"
        f"{_null(settings)}."
    ]
    if any((result.table["test"] == "LRT").any() for result in results.values()):
        told.append(
            "Where a group without any count made the fold change infinite, the likelihood ratio "
            f"at its supremum took the place of the Wald statistic {cite('wilks')}."
        )
    return told


def _contrast_words(result: DEResult) -> str:
    about = comparison(result)
    if about.factor:
        return f"{about.factor}, {about.tested} against {about.reference}"
    return result.label


def _null(settings: Mapping[str, Any]) -> str:
    limit, side = settings["lfc_threshold"], settings["alternative"]
    if limit:
        return {
            "lessAbs": f", for an absolute log2 fold change below {limit:g}",
            "greater": f", for a log2 fold change above {limit:g}",
            "less": f", for a log2 fold change below -{limit:g}",
        }.get(side, f", for an absolute log2 fold change above {limit:g}")
    return {"greater": ", for an increase", "less": ", for a decrease"}.get(side, "")


def _adjustment(result: DEResult, cite: Citations) -> list[str]:
    settings = result.settings
    shrinkage = settings.get("shrinkage") or {}
    if shrinkage.get("svalue"):
        return []
    method = settings["p_adjust"]
    named = {
        "BH": f"by the method of Benjamini and Hochberg {cite('BH')}" if method == "BH" else "",
        "BY": f"by the method of Benjamini and Yekutieli {cite('BY')}" if method == "BY" else "",
        "none": "",
    }.get(method, "by a given function")
    if not named:
        return [f"P-values were not adjusted; genes with p < {settings['alpha']:g} were called."]
    told = f"P-values were adjusted for multiple testing {named}"
    if settings["independent_filtering"]:
        by = "mean of normalised counts"
        if settings["filter_statistic"] != "baseMean":
            by = "value of a given statistic"
        told += f", after leaving out genes of low {by} by independent filtering {cite('bourgon')}"
    return [
        f"{told}; genes with an adjusted p-value below {settings['alpha']:g} were called "
        "differentially expressed."
    ]


def _shrinkage(result: DEResult, cite: Citations) -> list[str]:
    shrinkage = result.settings.get("shrinkage")
    if not shrinkage:
        return []
    prior, source = _PRIORS[shrinkage["method"]]
    told = f"Log fold changes were shrunken under {prior} {cite(source)}"
    if not shrinkage["svalue"]:
        return [f"{told}."]
    least = shrinkage["lfc_threshold"]
    about = f" or an absolute log2 fold change below {least:g}" if least else ""
    return [
        f"{told}, and genes were called by s-values, the expected share of false signs{about} "
        f"{cite('stephens')}, below {result.settings['alpha']:g}."
    ]
