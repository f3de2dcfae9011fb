"""Messages of Python as R's users read them."""

from __future__ import annotations

import pytest

from countglm.adapters._r_words import in_words_of_r


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("pass progress=True", "pass progress = TRUE"),
        ("None turns it off, False keeps it", "NULL turns it off, FALSE keeps it"),
        ("None of the genes has a count", "None of the genes has a count"),
        ("pass obs=", "pass col_data"),
        ("pass obs=, or a list", "pass col_data, or a list"),
        ("use obs=table", "use col_data=table"),
        ("True_North is a name", "True_North is a name"),
        ("'None' and 'True' are no levels", "'None' and 'True' are no levels"),
        ("needs reduced=: the design", "needs reduced: the design"),
        ("with coef=. Then", "with coef. Then"),
        ("the formula says C(dose))", "the formula says factor(dose))"),
        ("~ C(dose, contr.sum)", "~ C(dose, contr.sum)"),
        ("give [factor, tested, reference]", "give c(factor, tested, reference)"),
        ("give [factor, tested level, reference level].",
         "give c(factor, tested level, reference level)."),
        ("The contrast ['a', 'b'] has", "The contrast c('a', 'b') has"),
        ("The contrast [0.0, -1e-05] must", "The contrast c(0.0, -1e-05) must"),
        ("outside [0, 1], the first", "outside [0, 1], the first"),
        ("x=-1.0 must", "x=-1 must"),
        ("x=0.05 and y=1.05", "x=0.05 and y=1.05"),
        ("alpha=inf, nan; Infinity", "alpha=Inf, NaN; Inf"),
        ("-1 at gene 0 (counted from 0).", "-1 at gene 1."),
        ("has shape (3,) and", "has length 3 and"),
        ("returned shape () for (40,) p-values", "returned length 1 for 40 p-values"),
        ("test() has no choice; wald_test() has", "test_contrast() has no choice; wald_test() has"),
        ("n_subset=1 must", "nsub=1 must"),
        ("such as np.minimum(1, ...)", "such as pmin(1, ...)"),
        ("give a DataFrame", "give a data.frame"),
    ],
)  # fmt: skip
def test_words(said: str, written: str) -> None:
    assert in_words_of_r(said) == written


@pytest.mark.parametrize(
    ("verb", "written"),
    [
        ("shrink", "type='apeglm' or 'ashr'"),
        ("differential_expression", "size_factors='apeglm' or 'ash'"),
        ("confidence_intervals", "method='apeglm' or 'ash'"),
    ],
)
def test_arguments_have_the_name_of_the_verb(verb: str, written: str) -> None:
    assert in_words_of_r("method='apeglm' or 'ash'", verb) == written
