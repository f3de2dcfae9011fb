import anndata as ad
import numpy as np
import pandas as pd
import pytest

from countglm._warn import CountglmWarning
from countglm.counts import as_count_matrix
from countglm.design import Design, as_design
from countglm.errors import InputError

SAMPLES = [f"s{i}" for i in range(12)]


@pytest.fixture
def obs():
    return pd.DataFrame(
        {
            "condition": pd.Categorical(["u", "t"] * 6, categories=["u", "t", "never"]),
            "batch": ["b1", "b1", "b2", "b2", "b3", "b3"] * 2,
            "minute": np.repeat([0, 15, 60], 4),
            "number of lanes": [1.0, 2, 3, 1, 2, 2, 3, 1, 2, 3, 1, 1],
            "cell-line": list("xyyxxyyxxyxy"),
            "flag": [True, False, False] * 4,
            "t": np.linspace(0.0, 11.0, 12) ** 1.3,
            "holes": [1.0] * 11 + [np.nan],
        },
        index=SAMPLES,
    )


def counts_of(names=SAMPLES, n_genes=7):
    values = np.arange(len(names) * n_genes).reshape(len(names), n_genes)
    return as_count_matrix(pd.DataFrame(values, index=names))


def unnamed(n=12, n_genes=7):
    return as_count_matrix(np.ones((n, n_genes)))


def test_array_and_frame_and_design():
    x = np.column_stack([np.ones(12), np.arange(12)])
    design = as_design(x, unnamed())
    assert design.names == ("x0", "x1")
    assert design.matrix.flags.c_contiguous
    assert design.sample_names is None
    x[0, 1] = 99
    assert design.matrix[0, 1] == 0
    assert as_design(x, counts_of()).sample_names.tolist() == SAMPLES
    frame = pd.DataFrame({"mean": 1, "flag": [True, False] * 6, "n": pd.array(range(12), "Int64")})
    design = as_design(frame, unnamed())
    assert design.names == ("mean", "flag", "n")
    assert design.matrix[:3].tolist() == [[1, 1, 0], [1, 0, 1], [1, 1, 2]]
    assert as_design(design, unnamed()) is design
    assert as_design(x.tolist(), unnamed()).matrix.shape == (12, 2)
    assert as_design(np.asfortranarray(x.astype(">f4")), unnamed()).matrix.dtype == np.float64


@pytest.mark.parametrize("kind", ["frame", "formula", "design", "anndata"])
def test_samples_are_matched_by_name(obs, kind):
    shuffled = obs.sample(frac=1, random_state=3)
    assert shuffled.index.tolist() != SAMPLES
    counts = counts_of()
    if kind == "frame":
        design = as_design(shuffled[["t"]], counts)
    elif kind == "formula":
        design = as_design("~ 0 + t", counts, obs=shuffled)
    elif kind == "design":
        design = as_design(Design(shuffled[["t"]].to_numpy(), ("t",), shuffled.index), counts)
    else:
        adata = ad.AnnData(np.ones((12, 2)), obs=shuffled)
        design = as_design("~ 0 + t", as_count_matrix(adata), obs=obs)
        assert design.sample_names.tolist() == shuffled.index.tolist()
        np.testing.assert_array_equal(design.matrix[:, 0], shuffled["t"])
        return
    np.testing.assert_array_equal(design.matrix[:, 0], obs["t"])
    assert design.sample_names.tolist() == SAMPLES


def test_position_counts_where_one_side_has_no_names(obs):
    for counts, table in [(unnamed(), obs), (counts_of(), obs.reset_index(drop=True))]:
        np.testing.assert_array_equal(
            as_design("~ t", counts, obs=table).matrix[:, 1], obs["t"].to_numpy()
        )


def test_integer_names_match_text_names(obs):
    numbers = list(range(10, 22))
    counts = counts_of([str(i) for i in numbers])
    table = obs.set_axis(numbers).sort_values("batch")
    np.testing.assert_array_equal(as_design("~ t", counts, obs=table).matrix[:, 1], obs["t"])


def test_an_anndata_without_names_goes_by_position(obs):
    plain = obs.set_axis([str(i) for i in range(12)])
    data = ad.AnnData(np.ones((12, 2)), obs=plain)
    for table in (None, obs, obs.reset_index(drop=True)):
        design = as_design("~ t", as_count_matrix(data), obs=table)
        np.testing.assert_array_equal(design.matrix[:, 1], obs["t"])


def test_a_sorted_default_index_is_pointed_out(obs):
    table = obs.reset_index(drop=True).sort_values("batch")
    with pytest.warns(CountglmWarning, match="row numbers in another order"):
        as_design("~ t", unnamed(), obs=table)


def test_names_that_do_not_match(obs):
    with pytest.raises(InputError, match=r"^1 of 12 samples of the counts is missing in the samp"):
        as_design("~ t", counts_of(), obs=obs.drop(index="s3"))
    with pytest.raises(InputError, match=r"^2 of 12 samples of the sample table are not in the c"):
        as_design("~ t", counts_of(SAMPLES[:10]), obs=obs)
    renamed = obs.set_axis([f"S-{i}" for i in range(12)])
    with pytest.raises(
        InputError, match=r"12 of 12 .*\('s0', 's1', 's2', \.\.\.\).* in punctuation"
    ):
        as_design("~ t", counts_of(), obs=renamed)
    with pytest.raises(InputError, match="'s1' occurs more than once in the sample table"):
        as_design("~ t", counts_of(), obs=obs.rename(index={"s2": "s1"}))


def test_transposed_counts_are_recognised(obs):
    with pytest.raises(InputError, match=r"looks? transposed.*pass counts\.T"):
        as_design(np.ones((12, 1)), unnamed(100, 12))
    genes = [f"g{i}" for i in range(50)]
    flipped = as_count_matrix(pd.DataFrame(1, index=genes, columns=SAMPLES))
    for design, table in [("~ t", obs), (obs[["t"]], None)]:
        with pytest.raises(InputError, match=r"transposed: give samples x genes"):
            as_design(design, flipped, obs=table)
    with pytest.raises(InputError, match=r"11 rows and the counts 12 samples; give one row per"):
        as_design(np.ones((11, 1)), unnamed())


def test_reference_levels(obs):
    design = as_design("~ batch + condition", counts_of(), obs=obs)
    assert design.names == ("Intercept", "batch[T.b2]", "batch[T.b3]", "condition[T.t]")
    assert design.factors == {"batch": ("b1", "b2", "b3"), "condition": ("u", "t")}
    turned = obs.assign(condition=obs["condition"].cat.reorder_categories(["t", "never", "u"]))
    assert as_design("~ condition", counts_of(), obs=turned).names[1] == "condition[T.u]"


def test_columns_are_read_as_people_mean_them(obs):
    table = obs.assign(
        text=pd.array(list("vw") * 6, "string"),
        whole=pd.array(np.arange(12) % 5, "Int64"),
        objects=np.array([3, 1] * 6, dtype=object),
        mixed=np.array([1, "a"] * 6, dtype=object),
        nullable_flag=pd.array([True, False] * 6, "boolean"),
    )
    names = as_design("~ text + whole + flag", counts_of(), obs=table).names
    assert names == ("Intercept", "text[T.w]", "whole", "flag[T.True]")
    assert as_design("~ objects", counts_of(), obs=table).names == ("Intercept", "objects")
    assert as_design("~ mixed", counts_of(), obs=table).names == ("Intercept", "mixed[T.a]")
    assert as_design("~ nullable_flag", counts_of(), obs=table).names[1] == "nullable_flag[T.True]"


def test_names_that_need_backticks(obs):
    design = as_design(
        "~ `number of lanes` + log(`number of lanes`) + C(`cell-line`)", counts_of(), obs=obs
    )
    assert design.names[0] == "Intercept"
    assert "number of lanes" in design.names
    assert design.factors == {"cell-line": ("x", "y")}
    vector, _ = design.contrast(["cell-line", "x", "y"])
    assert vector[[n.startswith("C(") for n in design.names]].tolist() == [-1.0]


def test_a_column_may_bear_the_name_of_a_function(obs):
    table = obs.rename(columns={"batch": "C", "t": "log"})
    assert as_design("~ C + log", counts_of(), obs=table).names[1:3] == ("C[T.b2]", "C[T.b3]")
    assert as_design("~ C(minute) + log", counts_of(), obs=table).factors == {"minute": (0, 15, 60)}


def test_aliased_columns_are_named_with_what_they_depend_on(obs):
    table = obs.assign(lab=obs["batch"].map({"b1": "l1", "b2": "l2", "b3": "l2"}))
    with pytest.raises(
        InputError,
        match=r"rank 3 with 4 columns: 'lab\[T\.l2\]' = batch\[T\.b2\] \+ batch\[T\.b3\]\.",
    ):
        as_design("~ batch + lab", counts_of(), obs=table)
    x = np.column_stack([np.ones(12), np.arange(12) + 1950, np.zeros(12), np.arange(12) / 2])
    with pytest.raises(InputError, match=r"'x2' is zero in every.*'x3' = -975\*x0 \+ 0\.5\*x1\."):
        as_design(x, unnamed())
    with pytest.raises(InputError, match=r"'x1' = x0; 'x2' = x0; .* and 1 more"):
        as_design(np.ones((12, 7)), unnamed())


def test_cells_without_samples(obs):
    table = obs[(obs["batch"] != "b3") | (obs["condition"] != "t")]
    with pytest.raises(InputError, match=r"'batch\[T\.b3\]:condition\[T\.t\]' is zero in every"):
        as_design("~ batch * condition", counts_of(table.index), obs=table)


def test_uncentred_and_tiny_columns_keep_full_rank():
    year = 1950.0 + np.arange(12)
    x = np.column_stack([np.ones(12), year, year**2, 1e-200 * np.cos(year), 1e200 * np.sin(year)])
    assert as_design(x, unnamed()).matrix.shape == (12, 5)


def test_too_many_columns():
    x = np.eye(3)
    with pytest.raises(InputError, match=r"as many columns as samples \(3\)"):
        as_design(x, unnamed(3))
    assert as_design(x, unnamed(3), allow_saturated=True).matrix.shape == (3, 3)
    with pytest.raises(InputError, match="4 columns for 3 samples"):
        as_design(np.ones((3, 4)), unnamed(3), allow_saturated=True)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        (
            "~ conditon",
            r"no column 'conditon' \(did you mean 'condition'\?\); its.*'condition', 'batch'",
        ),
        ("~ holes", r"Column 'holes' .* missing \(NA\) in 1 sample, first in sample 's11'"),
        ("~ log(minute)", r"4 missing or infinite values, first -inf in column 'log\(mi"),
        ("condition ~ batch", "left-hand side"),
        ("~ batch | condition", "several parts"),
        ("~ condition + (1 | batch)", "would be a random effect, which is not fitted; add"),
        ("~ batch +", r"cannot be read: a term is missing beside `\+`\. Write"),
        ("~ (batch", r"cannot be read: a bracket has no counterpart\."),
        ("~ log(batch +)", r"cannot be read: a part of it is neither a column nor a call\. Write"),
        ("~ ", "is empty"),
        ("", "is empty"),
        ("~ Treatment", "has no column 'Treatment'; its columns"),
        ("~ log(scale)", "has no column 'scale'"),
        ("~ 0", "no column; write '~ 1'"),
        (
            "~ number of lanes",
            r"has the column 'number of lanes' without backticks.*; write `number of lanes`",
        ),
        (
            "~ nosuch(t)",
            "evaluated: in `nosuch\\(t\\)`, there is no function or column 'nosuch'\\. Check",
        ),
        ("~ .", "does not stand for all columns"),
        ("~ C(batch, levels=['b1', 'b2'])", "categories outside of the nominated levels.*b3"),
        ("~ C(batch, contr.treatment(base='zz'))", "'zz'.* not among the provided levels"),
        ("~ np.nosuch(t)", "has no attribute"),
        ("~ ns(t)", r"ns\(\) needs either df="),
        ("~ ns(minute, df=9)", r"different, increasing knots"),
        ("~ rbf(t, k=0)", "k=0; give a whole number"),
        ("~ rbf(t, k=3, width=-1)", "width=-1"),
        ("~ rbf(batch, k=3)", r"rbf\(\) needs numbers"),
        ("~ bs(t, knots=[1, 2], df=3)", "cannot be evaluated"),
        ("~ one", r"factor 'one' has one level among the samples \('z'\)"),
        ("~ day", r"Column 'day' .* datetime64.* values; convert"),
    ],
)
def test_formulas_that_cannot_work(obs, formula, message):
    table = obs.assign(one="z", day=pd.Timestamp("2020-01-01"))
    with pytest.raises(InputError, match=message) as caught:
        as_design(formula, counts_of(), obs=table)
    assert "\n" not in str(caught.value)


def test_missing_values_elsewhere_do_not_matter(obs):
    table = obs.assign(df=np.nan)
    assert as_design("~ bs(t, df=4)", counts_of(), obs=table).matrix.shape == (12, 5)


def test_sample_table_that_is_missing_or_odd(obs):
    with pytest.raises(InputError, match="needs a sample table: pass obs="):
        as_design("~ t", unnamed())
    with pytest.raises(InputError, match="obs is a ndarray"):
        as_design("~ t", unnamed(), obs=obs.to_numpy())
    with pytest.raises(InputError, match="several columns named 't'"):
        as_design("~ t", counts_of(), obs=obs.rename(columns={"minute": "t"}))
    assert as_design("~ t", unnamed(), obs={"t": np.arange(12)}).names == ("Intercept", "t")


def test_matrices_that_are_none(obs):
    for design, message in [
        (np.full((12, 1), "a"), "no matrix of numbers"),
        (np.ones(12), "1 dimension"),
        (np.ones((12, 1, 1)), "3 dimensions"),
        (None, "The design is None"),
        ([[1, 2], [3]], "no matrix of numbers"),
        (np.ones((12, 0)), "no column"),
        (
            np.where(np.eye(12)[:, :2], np.nan, 1),
            r"2 missing or infinite values.* 'x0' at sample 0 \(counted from 0",
        ),
        (pd.DataFrame({"a": [np.inf] * 12}), "12 missing or infinite values"),
        (obs.reset_index()[["batch"]], "Column 'batch' of the design holds object values"),
        (pd.DataFrame(np.eye(12)[:, :2], columns=["a", "a"]), "several columns named 'a'"),
    ]:
        with pytest.raises(InputError, match=message):
            as_design(design, unnamed())


def test_rebuild_remembers_knots_and_levels(obs):
    formula = "~ batch + bs(t, df=4) + poly(minute, 2)"
    design = as_design(formula, counts_of(), obs=obs)
    np.testing.assert_allclose(design.rebuild(obs), design.matrix, atol=1e-14)
    np.testing.assert_allclose(design.rebuild(obs.iloc[3:5]), design.matrix[3:5], atol=1e-14)
    plain = as_design(design.matrix, unnamed())
    for call, message in [
        (lambda: design.rebuild(obs.assign(batch="b9")), "1 level that the design does not know"),
        (lambda: design.rebuild(obs.drop(columns="t")), "no column 't'"),
        (lambda: design.rebuild(obs.assign(t=1e6)), "cannot be evaluated"),
        (lambda: design.rebuild(obs.assign(minute="x")), "was numeric in the design"),
        (lambda: design.rebuild(obs.assign(t=np.nan)), r"missing \(NA\) in 12 samples"),
        (lambda: plain.rebuild(obs), "holds no formula state"),
    ]:
        with pytest.raises(InputError, match=message):
            call()
    coded = as_design("~ C(minute)", counts_of(), obs=obs)
    with pytest.raises(InputError, match="Column 'minute' has 1 level"):
        coded.rebuild(obs.assign(minute=7))
