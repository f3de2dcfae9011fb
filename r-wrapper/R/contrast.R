# Contrasts as DESeq2's users write them.

# What Python takes for a contrast: a column's name (of R's model matrix, or an alias of it), a
# factor with two levels, or one number per column. `inputs` is what .inputs() returns, or a fit.
.contrast <- function(contrast, inputs, list_values = c(1, -1)) {
  if (is.null(contrast)) {
    return(NULL)
  }
  .check_list_values(list_values)
  if (is.list(contrast)) {
    return(I(.sum_of_columns(contrast, inputs, list_values)))
  }
  if (is.character(contrast) && length(contrast) == 1L) {
    return(.column_name(contrast, inputs))
  }
  if (is.factor(contrast)) {
    contrast <- as.character(contrast)
  }
  if (!is.character(contrast) && !is.numeric(contrast)) {
    .stop_input("contrast is of class ", class(contrast)[1], "; give the name of a column, ",
                "c(factor, tested, reference), list(plus, minus), or one number per column.")
  }
  if (length(contrast) == 0L) {
    .stop_input("contrast is empty; give the name of a column, c(factor, tested, reference), ",
                "list(plus, minus), or one number per column.")
  }
  if (anyNA(contrast)) {
    .stop_input("contrast has ", .plural(sum(is.na(contrast)), "missing value"), " (NA).")
  }
  I(unname(as.vector(contrast)))
}

.check_list_values <- function(list_values) {
  if (!is.numeric(list_values) || length(list_values) != 2L || !all(is.finite(list_values))) {
    .stop_input("listValues must be two numbers, such as c(1, -1): what the columns of the first ",
                "and of the second vector of a list are multiplied by.")
  }
}

.column_name <- function(name, inputs) {
  if (is.na(name) || !name %in% names(inputs$aliases)) {
    return(name)
  }
  unname(inputs$aliases[[name]])
}

.sum_of_columns <- function(parts, inputs, list_values) {
  if (!length(parts) %in% 1:2 || !all(vapply(parts, is.character, logical(1)))) {
    .stop_input("contrast is a list, so it must hold one or two vectors of column names: those to ",
                "add and those to take away.")
  }
  columns <- unique(unname(inputs$aliases))
  weights <- stats::setNames(numeric(length(columns)), columns)
  for (place in seq_along(parts)) {
    for (name in parts[[place]]) {
      column <- .column_name(name, inputs)
      if (!column %in% columns) {
        .stop_input("The design has no column '", name, "'; its columns are ",
                    .quoted(columns, 20), ".")
      }
      weights[column] <- weights[column] + list_values[place]
    }
  }
  if (!any(weights != 0)) {
    .stop_input("The contrast takes away all that it adds; name different columns.")
  }
  unname(weights)
}

# Several contrasts, each with its name; NULL where `contrast` is a single one. DESeq2's list of
# names to add and to take away has no names itself. Entries without a name beside others that have
# one go by what they say, unless the list might as well be a sum.
.several_contrasts <- function(contrast, inputs) {
  labels <- names(contrast)
  if (!is.list(contrast) || is.data.frame(contrast) || !any(nzchar(labels))) {
    return(NULL)
  }
  nameless <- !nzchar(labels)
  if (any(nameless) && .may_be_sum(contrast, inputs)) {
    .stop_input(
      .plural(sum(nameless), "entry", "entries"), " of the list of contrasts ",
      if (sum(nameless) == 1L) "has" else "have", " no name, and ", sum(!nameless),
      if (sum(!nameless) == 1L) " has" else " have", " one; name all for several contrasts, none ",
      "for list(plus, minus)."
    )
  }
  labels[nameless] <- vapply(contrast[nameless], .label_of, "")
  if (anyDuplicated(labels)) {
    .stop_input("The list of contrasts names '", labels[duplicated(labels)][1], "' more than ",
                "once; give each contrast a name of its own.")
  }
  stats::setNames(contrast, labels)
}

.may_be_sum <- function(contrast, inputs) {
  known <- names(inputs$aliases)
  length(contrast) <= 2L &&
    all(vapply(contrast, function(part) is.character(part) && all(part %in% known), logical(1)))
}

.label_of <- function(contrast) {
  if (is.character(contrast) && length(contrast) == 3L) {
    return(paste0(contrast[1], "_", contrast[2], "_vs_", contrast[3]))
  }
  if (is.character(contrast)) paste(contrast, collapse = " ") else .shown(contrast)
}

# What Python takes for one contrast, or for a list of several.
.contrasts <- function(contrast, several, inputs, list_values = c(1, -1)) {
  if (is.null(several)) {
    return(.contrast(contrast, inputs, list_values))
  }
  lapply(several, .contrast, inputs, list_values)
}
