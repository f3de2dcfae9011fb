# Contrasts as DESeq2's users write them.

# What Python takes for a contrast: a column's name (of R's model matrix, or an alias of it), a
# factor with two levels, or one number per column. `inputs` is what .inputs() returns, or a fit.
.contrast <- function(contrast, inputs, list_values = c(1, -1)) {
  if (is.null(contrast)) {
    return(NULL)
  }
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
  if (anyNA(contrast)) {
    .stop_input("contrast has ", .plural(sum(is.na(contrast)), "missing value"), " (NA).")
  }
  I(unname(contrast))
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
  if (!is.numeric(list_values) || length(list_values) != 2L || anyNA(list_values)) {
    .stop_input("listValues must be two numbers, such as c(1, -1).")
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
  unname(weights)
}
