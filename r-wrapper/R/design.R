# The design: R's own model.matrix, with what contrasts of factors and other names need.

# Returns matrix, aliases, formula (text or NULL), terms, xlevels, levels and codings. `labels` are
# names of samples for messages; `named` says whether they are the samples' own.
.model <- function(design, col_data, labels, named) {
  if (is.null(design)) {
    .stop_input("design is missing; give a formula such as ~ condition, or a model matrix.")
  }
  if (is.character(design) && length(design) == 1L && startsWith(trimws(design), "~")) {
    design <- stats::as.formula(design, env = parent.frame(3))
  }
  if (inherits(design, "formula")) {
    return(.model_of_formula(design, col_data, labels))
  }
  if (is.data.frame(design) || inherits(design, c("DataFrame", "Matrix"))) {
    design <- as.matrix(design)
  }
  if (!is.matrix(design) || !(is.numeric(design) || is.logical(design))) {
    .stop_input("design is of class ", class(design)[1], if (is.matrix(design)) " of text",
                "; give a formula such as ~ condition, or a matrix of numbers with one row per ",
                "sample.")
  }
  .model_of_matrix(design, labels, named)
}

.model_of_matrix <- function(matrix, labels, named) {
  if (nrow(matrix) != length(labels)) {
    .stop_input("The design has ", .plural(nrow(matrix), "row"), " and the counts ",
                .plural(length(labels), "sample"), "; give one row per sample (column of the ",
                "counts).")
  }
  if (is.null(colnames(matrix))) {
    colnames(matrix) <- paste0("x", seq_len(ncol(matrix)))
  }
  if (named && !is.null(rownames(matrix)) && !.counted(rownames(matrix))) {
    matrix <- matrix[.match_samples(rownames(matrix), labels, "the design"), , drop = FALSE]
  }
  list(matrix = matrix, aliases = .plain_aliases(colnames(matrix)), formula = NULL, terms = NULL,
       xlevels = NULL, levels = list(), codings = list())
}

# model.matrix() numbers the rows of a table without row names.
.counted <- function(names) {
  identical(names, as.character(seq_along(names)))
}

.model_of_formula <- function(formula, col_data, labels) {
  if (length(formula) != 2L) {
    .stop_input("The formula ", .text_of(formula), " has a left-hand side; the counts are the ",
                "response, so write only the right-hand side, such as ~ batch + condition.")
  }
  data <- .ready_table(formula, col_data, labels)
  frame <- .model_frame(formula, data, length(labels))
  terms <- stats::terms(frame)
  .require_two_levels(frame, terms)
  if (!is.null(attr(terms, "offset"))) {
    .stop_input("The formula ", .text_of(formula), " has an offset(); give it as offset =.")
  }
  matrix <- stats::model.matrix(terms, frame)
  if (ncol(matrix) == 0L) {
    .stop_input("The formula ", .text_of(formula), " has no column; write ~ 1 for the mean alone.")
  }
  factors <- .factors_of(frame, data)
  coded <- lapply(factors, .coding, frame = frame, terms = terms, data = data, matrix = matrix)
  rownames(matrix) <- labels
  list(
    matrix = matrix, aliases = .aliases(matrix, frame, terms), formula = .text_of(formula),
    terms = terms, xlevels = stats::.getXlevels(terms, frame),
    levels = lapply(factors, `[[`, "levels"), codings = coded
  )
}

.text_of <- function(formula) {
  text <- paste(trimws(deparse(formula, width.cutoff = 500L)), collapse = " ")
  sub("^~(?=[^ ])", "~ ", text, perl = TRUE)
}

# The variables of the formula, without missing values, and without levels that no sample has.
.ready_table <- function(formula, col_data, labels) {
  terms <- tryCatch(
    stats::terms(formula, data = col_data),
    error = function(error) .stop_formula(formula, error)
  )
  variables <- all.vars(terms)
  unknown <- setdiff(variables, c(names(col_data), .found_elsewhere(variables, terms)))
  if (length(unknown)) {
    .stop_input("The sample table has no column '", unknown[1], "'; its columns are ",
                if (ncol(col_data)) .quoted(names(col_data), 20) else "none", ".",
                if (!ncol(col_data)) " Give it as col_data.")
  }
  for (name in intersect(variables, names(col_data))) {
    .require_no_missing(col_data[[name]], name, labels)
    if (is.factor(col_data[[name]])) {
      col_data[[name]] <- .used_levels(col_data[[name]], name)
    }
  }
  col_data
}

# Variables that the formula finds where it was written. A function there is one only as an
# argument, as in C(x, contr.sum): stats::time is not the column that somebody forgot.
.found_elsewhere <- function(variables, terms) {
  alone <- vapply(as.list(attr(terms, "variables"))[-1], is.name, logical(1))
  alone <- as.character(as.list(attr(terms, "variables"))[-1][alone])
  found <- vapply(variables, function(name) {
    value <- get0(name, envir = environment(terms))
    !is.null(value) && !(is.function(value) && name %in% alone)
  }, logical(1))
  variables[found]
}

.require_no_missing <- function(values, name, labels) {
  missing <- which(is.na(values))
  if (length(missing)) {
    .stop_input("Column '", name, "' of the sample table is missing (NA) in ",
                .plural(length(missing), "sample"), ", first in sample '", labels[missing[1]],
                "'; fill it in, or leave these samples out of counts and table.")
  }
}

.used_levels <- function(values, name) {
  unused <- setdiff(levels(values), as.character(values))
  if (length(unused) == 0L) {
    return(values)
  }
  .inform(
    .plural(length(unused), "level"), " of the factor '", name, "' ",
    if (length(unused) == 1L) "has" else "have", " no sample and ",
    if (length(unused) == 1L) "is" else "are", " left out: ", .quoted(unused), "."
  )
  droplevels(values)
}

.model_frame <- function(formula, data, n) {
  frame <- tryCatch(
    stats::model.frame(formula, data, na.action = stats::na.pass),
    error = function(error) .stop_formula(formula, error)
  )
  # A formula without variables says nothing about the number of samples.
  if (ncol(frame) == 0L) {
    frame <- structure(list(), row.names = seq_len(n), class = "data.frame",
                       terms = stats::terms(frame))
  }
  if (nrow(frame) != n) {
    .stop_input("The variables of the formula ", .text_of(formula), " have ", nrow(frame),
                " values for ", .plural(n, "sample"), "; give them in col_data.")
  }
  frame
}

.stop_formula <- function(formula, error) {
  .stop_input("The formula ", .text_of(formula), " cannot be evaluated: ",
              .first_line(conditionMessage(error)), ".")
}

.is_grouping <- function(x) {
  is.factor(x) || is.character(x) || is.logical(x)
}

.levels_of <- function(x) {
  if (is.factor(x)) levels(x) else if (is.logical(x)) c("FALSE", "TRUE") else sort(unique(x))
}

.require_two_levels <- function(frame, terms) {
  for (expression in names(frame)[vapply(frame, .is_grouping, logical(1))]) {
    known <- unique(as.character(frame[[expression]]))
    if (length(known) < 2L && expression %in% rownames(attr(terms, "factors"))) {
      .stop_input("The factor '", expression, "' has one level among the samples ('", known,
                  "'), so it has no effect to estimate; leave it out of the formula, or add the ",
                  "samples of other levels.")
    }
  }
}

# Every variable of the sample table that the formula takes as a factor, by itself or as an
# expression such as factor(x): the variable, the levels, and a sample at each level.
.factors_of <- function(frame, data) {
  factors <- list()
  for (expression in names(frame)[vapply(frame, .is_grouping, logical(1))]) {
    variable <- .variables_of(expression, data)
    if (length(variable) != 1L || variable %in% names(factors)) {
      next
    }
    values <- as.character(frame[[expression]])
    levels <- intersect(.levels_of(frame[[expression]]), values)
    factors[[variable]] <- list(variable = variable, levels = levels, at = match(levels, values))
  }
  factors
}

# The columns of the sample table in an expression of the formula, which may be a name itself.
.variables_of <- function(expression, data) {
  if (expression %in% names(data)) {
    return(expression)
  }
  intersect(all.vars(str2lang(expression)), names(data))
}

# How each level of a factor enters the linear predictor by its main effect: the rows of the design
# at each level, with all columns zero but those of terms of this factor alone.
.coding <- function(factor, frame, terms, data, matrix) {
  rows <- frame[rep(1L, length(factor$levels)), , drop = FALSE]
  for (expression in names(frame)) {
    if (factor$variable %in% .variables_of(expression, data)) {
      column <- frame[[expression]]
      rows[[expression]] <- if (is.matrix(column)) column[factor$at, ] else column[factor$at]
    }
    # Of text and truth values these rows may lack some, and so a column.
    if (is.character(frame[[expression]]) || is.logical(frame[[expression]])) {
      rows[[expression]] <- base::factor(rows[[expression]], .levels_of(frame[[expression]]))
    }
  }
  coding <- stats::model.matrix(terms, rows, contrasts.arg = attr(matrix, "contrasts"))
  coding[, !.main_effect(factor$variable, terms, matrix, data)] <- 0
  unname(coding[, seq_len(ncol(coding)), drop = FALSE])
}

.main_effect <- function(variable, terms, matrix, data) {
  uses <- attr(terms, "factors")
  alone <- vapply(seq_len(NCOL(uses)), function(term) {
    parts <- rownames(uses)[uses[, term] > 0]
    all(vapply(lapply(parts, .variables_of, data), identical, logical(1), variable))
  }, logical(1))
  c(FALSE, alone)[attr(matrix, "assign") + 1L]
}

# Names under which a column may be asked for: its own, DESeq2's "condition_B_vs_A" for a level
# against the reference, and the syntactic form ("Intercept", "conditionB.typeT").
.aliases <- function(matrix, frame, terms) {
  aliases <- .plain_aliases(colnames(matrix))
  labels <- attr(terms, "term.labels")
  coded <- attr(matrix, "contrasts")
  for (expression in intersect(names(coded), labels)) {
    columns <- which(attr(matrix, "assign") == match(expression, labels))
    levels <- .levels_of(frame[[expression]])
    treatment <- identical(coded[[expression]], "contr.treatment")
    if (treatment && length(columns) == length(levels) - 1L) {
      names <- make.names(paste0(expression, "_", levels[-1], "_vs_", levels[1]))
      aliases[names] <- colnames(matrix)[columns]
    }
  }
  aliases
}

.plain_aliases <- function(columns) {
  syntactic <- make.names(sub("^\\(Intercept\\)$", "Intercept", columns))
  aliases <- stats::setNames(c(columns, columns), c(columns, syntactic))
  aliases[!duplicated(names(aliases))]
}

.design_to_py <- function(model, counts) {
  # Rows and columns go by the names that are passed beside them.
  .call(
    "design", I(unname(model$matrix[, seq_len(ncol(model$matrix)), drop = FALSE])),
    I(colnames(model$matrix)), counts, formula = model$formula,
    levels = lapply(model$levels, I), codings = lapply(model$codings, I), allow_saturated = TRUE
  )
}
