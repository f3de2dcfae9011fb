# What every engine shares: conditions that reach Python as its own errors, the design, the
# contrast. Matrices come and go transposed: R's columns are the rows of NumPy.

input_error <- function(...) {
  stop(structure(list(message = paste0(...), call = NULL),
    class = c("countglm_input", "error", "condition")))
}

quoted <- function(names, most = 20) {
  shown <- paste0("'", head(names, most), "'", collapse = ", ")
  if (length(names) > most) paste0(shown, ", ...") else shown
}

versions_of <- function(packages) {
  c(list(R = paste(R.version$major, R.version$minor, sep = ".")),
    sapply(packages, function(p) as.character(packageVersion(p)), simplify = FALSE,
      USE.NAMES = TRUE))
}

# Run one request and say how it went: "done", "package", "input" or "error". Without an engine,
# only whether the packages are there.
answer <- function(engine, request) {
  request$packages <- as.character(request$packages)
  missing <- Filter(function(p) !nzchar(system.file(package = p)), request$packages)
  if (length(missing)) {
    return(list(kind = "package", message = "", packages = as.list(missing)))
  }
  if (is.null(engine)) {
    return(list(kind = "done", versions = versions_of(request$packages)))
  }
  warned <- character()
  note <- function(w) {
    warned <<- c(warned, conditionMessage(w))
    invokeRestart("muffleWarning")
  }
  out <- tryCatch(
    withCallingHandlers({
      # The packages take seconds to load, so mistakes are told before.
      design <- prepare_design(request)
      contrast <- prepare_contrast(request$contrast, design)
      for (package in request$packages) {
        suppressPackageStartupMessages(library(package, character.only = TRUE))
      }
      described <- list(design = unname(design$matrix) + 0, design_names = colnames(design$matrix),
        contrast = as.numeric(contrast$vector))
      list(kind = "done", value = c(described, engine(request, design, contrast)))
    }, warning = note),
    countglm_input = function(e) list(kind = "input", message = conditionMessage(e)),
    error = function(e) {
      call <- conditionCall(e)
      where <- if (is.null(call)) "" else paste(deparse(call, nlines = 1), collapse = "")
      list(kind = "error", message = conditionMessage(e), call = where)
    }
  )
  out$warnings <- unique(warned)
  out$versions <- versions_of(request$packages)
  out
}

# Genes go by their number: names may repeat, and R has no use for them.
names_of_counts <- function(request) {
  list(as.character(seq_len(nrow(request$counts))), request$sample_names)
}

sample_frame <- function(columns, sample_names) {
  made <- lapply(columns, function(column) {
    if (column$kind == "factor") {
      factor(column$levels[column$codes], levels = column$levels)
    } else {
      column$values
    }
  })
  structure(as.list(made), class = "data.frame", row.names = sample_names,
    names = as.character(names(made)))
}

read_formula <- function(text, frame) {
  scope <- new.env(parent = globalenv())
  # As in Python, C(x) makes a factor of numbers too, and splines need no library() call.
  scope$C <- function(object, ...) stats::C(as.factor(object), ...)
  scope$bs <- splines::bs
  scope$ns <- splines::ns
  formula <- tryCatch(as.formula(text, env = scope), error = function(e) {
    # R's message goes on with the place, drawn on lines of its own.
    why <- sub("^<text>:[0-9:]+ *", "", sub("\n.*", "", conditionMessage(e)))
    odd <- Filter(function(name) {
      make.names(name) != name && !grepl(paste0("`", name, "`"), text, fixed = TRUE)
    }, names(frame))
    input_error("R cannot read the formula '", text, "' (", why, "). ", if (length(odd)) {
      paste0("R takes a name such as '", odd[1], "' only between backticks: `", odd[1], "`.")
    } else {
      "Write it as '~ batch + condition'."
    })
  })
  if (length(formula) != 2) {
    input_error("The formula '", text, "' has a left-hand side; the counts are the response, so ",
      "write only '~ batch + condition'.")
  }
  if ("." %in% all.vars(formula)) {
    input_error("The formula '", text, "' has a '.', which does not stand for all columns here; ",
      "name them.")
  }
  if (!is.null(attr(terms(formula), "offset"))) {
    input_error("The formula '", text, "' has an offset(), which a design cannot hold; pass the ",
      "values as offset=.")
  }
  used <- all.vars(formula)
  unknown <- Filter(function(v) !(v %in% names(frame)) && !exists(v, envir = scope), used)
  if (length(unknown)) {
    input_error("The sample table has no column '", unknown[1], "'; its columns are ",
      quoted(names(frame)), ".")
  }
  for (name in intersect(used, names(frame))) {
    absent <- which(is.na(frame[[name]]))
    if (length(absent)) {
      input_error("Column '", name, "' of the sample table is missing (NA) in ", length(absent),
        " samples, first in sample '", rownames(frame)[absent[1]],
        "'; fill it in, or leave these samples out of counts and table.")
    }
  }
  formula
}

formula_matrix <- function(formula, frame) {
  tryCatch(model.matrix(formula, frame), error = function(e) {
    input_error("R cannot evaluate the formula '", paste(deparse(formula), collapse = ""), "' (",
      conditionMessage(e), "). Check its terms, or pass a matrix with ready columns.")
  })
}

check_rank <- function(x) {
  decomposed <- qr(x)
  if (decomposed$rank < ncol(x)) {
    tied <- colnames(x)[decomposed$pivot[seq(decomposed$rank + 1, ncol(x))]]
    input_error("The design has rank ", decomposed$rank, " with ", ncol(x), " columns: ",
      quoted(tied), " can be made of the others. Leave out one column or term of each such set; ",
      "factors that vary together cannot be told apart.")
  }
  if (ncol(x) >= nrow(x)) {
    input_error("The design has ", ncol(x), " columns for ", nrow(x), " samples, which leaves ",
      "nothing to estimate the dispersion from; use fewer terms.")
  }
}

# The design as a matrix and, where it was given so, as a formula on a sample table.
prepare_design <- function(request) {
  frame <- sample_frame(request$frame, request$sample_names)
  if (is.null(request$formula)) {
    matrix <- request$design
    dimnames(matrix) <- list(request$sample_names, request$design_names)
    formula <- NULL
  } else {
    formula <- read_formula(request$formula, frame)
    matrix <- formula_matrix(formula, frame)
  }
  check_rank(matrix)
  list(matrix = matrix, formula = formula, frame = frame)
}

# Names, levels or numbers to the weight of each coefficient. `column` is 0 unless one coefficient
# is meant by its name; `levels` is NULL unless two levels of a factor are compared.
prepare_contrast <- function(wanted, design) {
  names <- colnames(design$matrix)
  out <- list(column = 0, levels = NULL)
  if (wanted$kind == "numbers") {
    out$vector <- wanted$values
    if (length(out$vector) != length(names)) {
      input_error("The contrast has ", length(out$vector), " numbers and the design ",
        length(names), " columns (", quoted(names), "); give one number per column.")
    }
  } else if (wanted$kind == "levels") {
    out$levels <- c(wanted$factor, wanted$tested, wanted$reference)
    out$vector <- level_difference(out$levels, design)
  } else {
    out$vector <- numeric(length(names))
    for (name in wanted$plus) {
      k <- column_place(name, design$matrix, wanted$aliases)
      out$vector[k] <- out$vector[k] + 1
    }
    for (name in wanted$minus) {
      k <- column_place(name, design$matrix, wanted$aliases)
      out$vector[k] <- out$vector[k] - 1
    }
    if (length(wanted$plus) + length(wanted$minus) == 1) {
      out$column <- which(out$vector != 0)
    }
  }
  if (!all(is.finite(out$vector)) || all(out$vector == 0)) {
    input_error("The contrast must be finite and not all zero; the columns are ", quoted(names),
      ".")
  }
  unit <- sum(out$vector != 0) == 1 && sum(out$vector) == 1
  out$coefficient <- if (unit) which(out$vector == 1) else 0
  out
}

# R's name of a column, or another name that comes with its values; "" stands for the last column.
column_place <- function(name, matrix, aliases) {
  names <- colnames(matrix)
  if (name == "") {
    return(length(names))
  }
  if (name %in% names) {
    return(match(name, names))
  }
  if (!is.null(aliases[[name]])) {
    same <- which(colSums(abs(matrix - aliases[[name]]) > 1e-9) == 0)
    if (length(same)) {
      return(same[[1]])
    }
  }
  input_error("The design has no column '", name, "'; its columns are ", quoted(names), ".")
}

# Difference of two levels by the main effect of their factor, whatever the coding.
level_difference <- function(levels, design) {
  factor <- levels[1]
  known <- levels(design$frame[[factor]])
  if (is.null(design$formula) || is.null(known) || !(factor %in% all.vars(design$formula))) {
    input_error("'", factor, "' is no factor of the design; its columns are ",
      quoted(colnames(design$matrix)), ".")
  }
  unknown <- setdiff(levels[-1], known)
  if (length(unknown)) {
    input_error("'", unknown[1], "' is no level of '", factor, "'; its levels are ",
      quoted(known), ".")
  }
  # All samples stay, so that splines and polynomials keep their knots.
  at <- lapply(levels[-1], function(level) {
    frame <- design$frame
    frame[[factor]] <- factor(rep(level, nrow(frame)), levels = known)
    formula_matrix(design$formula, frame)[1, ]
  })
  labels <- attr(terms(design$formula), "term.labels")
  alone <- vapply(labels, function(label) {
    identical(all.vars(str2lang(label)), factor)
  }, logical(1))
  main <- c(FALSE, alone)[attr(design$matrix, "assign") + 1]
  ifelse(main, at[[1]] - at[[2]], 0)
}
