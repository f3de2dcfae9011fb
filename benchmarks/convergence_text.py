"""The sentences of docs/laboratory.md, with places for the numbers."""

INTRODUCTION = """# Laboratory of solvers

Written by `benchmarks/convergence.py`; run it for your machine.

The coefficients of one gene at a given dispersion are the minimum of a convex function. Many
methods find it, and most are taught with a rate of convergence and a picture. Here all of them
start from the same point of the same problems, and one certificate judges every point that any of
them visits, so that "converged" means the same for all: the optimum exists, and is *proven* to
lie within so many standard errors ([the mathematics](math.md#4-certificate), 4.4). The solvers
are those of a textbook, a page of NumPy in `benchmarks/laboratory_methods.py`; `fit_glm` is there
by its own `trace=True`.

What to take from it:

- With the Hessian and a safe length of the steps 1e-8 takes {second_steps} steps on all of these
  problems, whatever the counts, the conditioning or the dispersion.
- Without it the *ratio of curvatures* decides: the bound L of all curvature that a step of 1/L
  heeds, over the least curvature at the optimum. Gradient descent by 1/L takes {per_ratio} times
  as many steps as that ratio: {fewest} where it is {least_ratio}, {most} where it is
  {most_ratio}. An uncentred covariate makes it large, and so do effects of several log units,
  because curvature goes with the means, and L has to hold on all the way from the start. The
  condition number of the design by itself does not tell: it is {least_condition} to
  {most_condition} in all of these problems ([below](#what-the-steps-depend-on)).
- Backtracking, Adam and coordinate descent take {middle_steps} steps where 1/L arrives. Where the
  year of birth stands uncentred (ratios of {bad_ratios}), {bad_arrived} within {limit:,} steps,
  and L-BFGS in {bfgs_steps}, because it learns the curvature on its way.
- Full Newton steps are a promise about a parabola: on {newton_lost} of {finite} problems with an
  optimum they lead to a singular system. With the safe length of 3.4 they arrive on all of them.
- Natural gradient is IRLS, for every family. For the Poisson it is Newton's method as well; for
  the negative binomial it is not, and converges at a rate that is known beforehand, or, with a
  large dispersion, not at all. That is why `fit_glm` scores first and then hands over to Newton.
- Where a gene is separated, decrements fall to 0 as if the method converged. The theorem is not
  fooled, and neither is `fit_glm`, which looks at the zeros before it iterates.
"""

METHOD = """## How it is measured

**Start.** The mean count in the intercept, no effects; `fit_glm` takes its own
([3.2](math.md#3-coefficients-at-a-given-dispersion)). **Step.** One change of all coefficients;
for coordinate descent a round through them. **Evaluation.** Means at a new point, and what
follows from them: value, gradient or second derivatives; trials of a search along a line count.
**Seconds** are spent in the method alone, without certificates, in NumPy on one core; those of
`fit_glm` are a whole call for one gene, with reading, existence, checks, certificate, standard
errors and report, and in a batch of {batch:,} such genes the time of one of them. **Certified**
within a distance means that the bound 4.4 is below it; the bound is claimed where R times the
decrement is at most a half. A method stops when 1e-8 standard errors are certified, or after
{limit:,} steps.

| method | a step |
|---|---|
| gradient descent, 1/L | against the gradient; L bounds all curvature on the start's level set |
| gradient descent, backtracking | the same with twice the last rate, halved until the loss falls |
| Adam | Kingma and Ba 2015; the constant rate that gets furthest of {rates} |
| L-BFGS | the last 10 steps make an inverse Hessian; halved until the loss falls |
| coordinate descent | a safe Newton step in each coefficient by turns |
| natural gradient | full step in the metric of the Fisher information |
| IRLS | regression of the working response with working weights |
| Newton | full step with the observed information |
| Newton, safe length | log(1 + S)/S of it where it moves a linear predictor by S > 1 |

Changes of the loss are computed from changes of the means, and not as differences of two losses:
those are rounding from about 1e-6 standard errors on, where a search along a line would end.
"""

NATURAL = """## Natural gradient, IRLS, Newton

For an exponential family in its own coordinates the Fisher information in the coefficients is
`X'WX`, so that a full step of natural gradient, `beta + (X'WX)⁻¹ U`, is the regression of the
working response: Fisher scoring, IRLS. For the Poisson with log link `W` is also the second
derivative, so that it is Newton's step too. For the negative binomial it is not (1.3 and 1.4 of
[the mathematics](math.md#1-model-score-information) differ).

Largest difference of the coefficients in the first eight steps, relative to the largest
coefficient. None of the three methods depends on coordinates, but for rounding; in an orthonormal
basis of the design there is least of that.

| problem | natural gradient and IRLS | the same, orthonormal basis | natural gradient and Newton |
|---|---|---|---|"""

RATES = """
Near the optimum a step of natural gradient multiplies the error by `I - H_expected⁻¹ H_observed`,
so that it shrinks by the spectral radius of this matrix each step. Foretold from the two
informations at the optimum, and measured over the last two steps from an error of 1e-5 standard
errors:

| problem | spectral radius | measured | difference | so that scoring |
|---|---|---|---|---|"""

REPEAT = """
The radius is 0 where every group has a mean of its own and depths are equal: then both
informations agree at the optimum. In these problems it grows with the dispersion; beyond 1
scoring leaves the optimum, however near it begins.
"""

CURVATURE = """## What the steps depend on

A design has a condition number; the loss has that of `sqrt(W) X`, with the weights at the optimum;
and a method that knows neither has to heed the largest curvature on its way. The ratio is L, the
bound on the level set of the start, over the least curvature at the optimum.

| problem | condition of X | of sqrt(W) X | ratio | steps of 1/L | steps over ratio |
|---|---|---|---|---|---|"""
