"""What is sent to R: counts, sample table, design, contrast, normalisation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm import InputError
from countglm.adapters.r._options import ENGINES, resolve_options
from countglm.adapters.r._request import Question, build_request
from countglm.counts import as_count_matrix

COUNTS = pd.DataFrame(
    np.arange(24).reshape(6, 4), index=list("abcdef"), columns=["g1", "g2", "g3", "g4"]
)
OBS = pd.DataFrame(
    {
        "condition": pd.Categorical(
            ["ko", "ko", "wt", "wt", "ko", "wt"], categories=["wt", "never", "ko"]
        ),
        "größe": [1, 2, 3, 4, 5, 7],
        "lab": ["y", "x", "y", "x", "x", "y"],
        "other": [None, "a", "b", "c", "d", "e"],
    },
    index=list("abcdef"),
)


def request(counts=COUNTS, *, engine="DESeq2", options=None, **asked):
    chosen = ENGINES[engine]
    given = {
        "obs": OBS, "design": "~ lab + condition", "contrast": None, "reduced": None,
        "size_factors": None, "offset": None, "weights": None, **asked,
    }  # fmt: skip
    settings = resolve_options(engine, chosen, options or {})
    return build_request(engine, chosen, as_count_matrix(counts), Question(**given), settings)


def test_counts_go_as_whole_numbers_in_one_piece() -> None:
    counts = request()["counts"]
    assert counts.dtype == np.int32
    assert counts.flags.c_contiguous
    assert np.array_equal(counts, COUNTS)


def test_counts_beyond_32_bits_are_refused_where_the_engine_cannot_hold_them() -> None:
    large = COUNTS.copy()
    large.loc["b", "g3"] = 3_000_000_000
    with pytest.raises(InputError, match=r"gene 'g3' has 3,000,000,000"):
        request(large)
    assert request(large, engine="edgeR")["counts"].dtype == np.float64


def test_the_sample_table_is_matched_by_name_and_has_used_levels_only() -> None:
    sent = request(obs=OBS.iloc[::-1])["frame"]
    assert sorted(sent) == ["condition", "lab"]
    assert sent["condition"]["levels"] == ["wt", "ko"]
    assert sent["condition"]["codes"].tolist() == [2, 2, 1, 1, 2, 1]
    assert sent["lab"]["levels"] == ["x", "y"]


def test_numbers_umlauts_and_flags_in_the_sample_table() -> None:
    obs = OBS.assign(flag=OBS["lab"] == "x")
    sent = request(obs=obs, design="~ größe + flag")["frame"]
    assert sent["größe"]["values"].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 7.0]
    assert sent["flag"]["levels"] == ["FALSE", "TRUE"]


@pytest.mark.parametrize("given", [[True, False], ["True", "False"], ["TRUE", np.False_]])
def test_levels_of_a_flag_are_named_in_the_contrast_as_in_the_table(given) -> None:
    obs = OBS.assign(flag=OBS["lab"] == "x")
    made = request(obs=obs, design="~ flag", contrast=["flag", *given])["contrast"]
    assert (made["tested"], made["reference"]) == ("TRUE", "FALSE")
    text = OBS.assign(flag=["True", "False", "maybe"] * 2)
    made = request(obs=text, design="~ flag", contrast=["flag", "True", "maybe"])["contrast"]
    assert (made["tested"], made["reference"]) == ("True", "maybe")


def test_samples_without_names_go_by_position() -> None:
    sent = request(COUNTS.to_numpy(), obs=OBS.reset_index(drop=True))
    assert sent["sample_names"] == [f"sample{i}" for i in range(1, 7)]


def test_a_matrix_goes_transposed_with_its_names() -> None:
    matrix = pd.DataFrame({"one": 1.0, "ko": [1.0, 1, 0, 0, 1, 0]}, index=OBS.index)
    sent = request(design=matrix.iloc[::-1], contrast="ko")
    assert sent["design"].shape == (2, 6)
    assert sent["design"].flags.c_contiguous
    assert sent["design"][1].tolist() == [1.0, 1, 0, 0, 1, 0]
    assert sent["design_names"] == ["one", "ko"]


@pytest.mark.parametrize(
    ("contrast", "kind", "sent"),
    [
        (None, "names", {"plus": [""], "minus": []}),
        ("condition[T.ko]", "names", {"plus": ["condition[T.ko]"], "minus": []}),
        (
            ["condition", "ko", "wt"],
            "levels",
            {"factor": "condition", "tested": "ko", "reference": "wt"},
        ),
        (["laby", "conditionko"], "names", {"plus": ["laby", "conditionko"], "minus": []}),
        ([["laby"], ["conditionko"]], "names", {"plus": ["laby"], "minus": ["conditionko"]}),
    ],
)
def test_contrasts_in_all_their_forms(contrast, kind, sent) -> None:
    made = request(contrast=contrast)["contrast"]
    assert made["kind"] == kind
    assert {name: made[name] for name in sent} == sent


def test_a_contrast_of_numbers_stays_one() -> None:
    made = request(contrast=[0, 1, -1])["contrast"]
    assert made["values"].tolist() == [0.0, 1.0, -1.0]


def test_names_come_with_the_values_they_stand_for() -> None:
    aliases = request(contrast="condition[T.ko]")["contrast"]["aliases"]
    assert aliases["condition[T.ko]"].tolist() == [1.0, 1, 0, 0, 1, 0]


def test_offsets_and_weights_become_one_value_per_sample_and_gene() -> None:
    sent = request(offset=np.arange(6) / 10, weights=np.arange(1, 7), size_factors=np.ones(6))
    assert sent["offset"].shape == sent["weights"].shape == (6, 4)
    assert sent["offset"][3].tolist() == [0.3] * 4
    assert sent["weights"][3].tolist() == [4.0] * 4
    assert sent["size_factors"].tolist() == [1.0] * 6


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"design": None}, "A design is needed"),
        ({"obs": None}, "needs a sample table: pass obs="),
        ({"obs": OBS.iloc[:5]}, "1 of 6 samples of the counts is missing in the sample table"),
        ({"size_factors": [1.0, 2.0]}, "size_factors"),
        ({"reduced": "~ lab"}, "reduced= belongs to test='LRT'"),
        ({"options": {"test": "LRT"}}, "give the smaller one as reduced="),
        ({"engine": "limma-voom", "offset": np.zeros(6)}, "limma-voom takes no offset"),
        ({"engine": "glmGamPoi", "weights": np.ones(6)}, "glmGamPoi takes no weights"),
        ({"design": np.ones((6, 2)), "contrast": [1, 0]}, "The design has rank 1"),
        ({"contrast": [1, "a", 2]}, "contrast must hold real numbers"),
    ],
)
def test_mistakes_are_told_before_r_starts(asked, message) -> None:
    with pytest.raises(InputError) as caught:
        request(**asked)
    assert message in str(caught.value)


def test_missing_values_are_sent_for_r_to_judge_whether_they_matter() -> None:
    sent = request(design="~ other", obs=OBS)["frame"]["other"]
    assert np.isnan(sent["values"]).tolist() == [True] + [False] * 5


def test_two_columns_of_one_name_are_refused() -> None:
    twice = pd.concat([OBS, OBS[["lab"]]], axis=1)
    with pytest.raises(InputError, match="several columns named 'lab'"):
        request(obs=twice)


def test_reduced_designs_by_formula_names_and_matrix() -> None:
    options = {"test": "LRT"}
    assert request(options=options, reduced="~ lab")["reduced"]["text"] == "~ lab"
    named = request(options=options, reduced=["-condition[T.ko]"])["reduced"]
    assert (named["keep"], named["drop"]) == ([], ["condition[T.ko]"])
    assert "condition[T.ko]" in named["aliases"]
    assert request(options=options, reduced=np.ones((6, 1)))["reduced"]["names"] == ["x0"]


def test_what_was_asked_in_words() -> None:
    nothing = Question(OBS, "~ lab", None, None, None, None, None).words()
    assert nothing == {"reduced": None, "size_factors": None, "offset": False, "weights": False}
    values = Question(OBS, "~ lab", None, np.ones((6, 1)), np.ones(6), np.ones(6), 1.0).words()
    assert values == {"reduced": "given", "size_factors": "given", "offset": True, "weights": True}
    texts = Question(OBS, "~ lab", None, "~ 1", "none", None, None).words()
    assert (texts["reduced"], texts["size_factors"]) == ("~ 1", "none")


def test_run_r_refuses_before_it_starts_anything() -> None:
    from countglm.adapters.r import run_r

    adata = countglm.datasets.pasilla()[:, :5]
    for wrong in ({"threads": 0}, {"timeout": -1.0}, {"timeout": True}, {"nonsense": 1}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            run_r("DESeq2", adata, design="~ condition", **wrong)
