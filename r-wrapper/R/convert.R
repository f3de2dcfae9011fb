# Values between R and Python. R holds genes x samples, Python samples x genes: turned here and
# nowhere else. Arrays cross as bytes, because releases of reticulate older than NumPy 2 cannot
# read its arrays; every bit stays, and at most this many bytes are copied twice at a time.
.chunk_bytes <- 2^22

# An R value as what Python takes: scalars as they are, vectors and arrays as NumPy's, text as
# arrays of str, lists and named lists as list and dict. I(x) makes a scalar an array of one.
.to_py <- function(x) {
  if (is.null(x) || inherits(x, "python.builtin.object") || is.function(x)) {
    return(x)
  }
  if (is.data.frame(x)) {
    return(.frame_to_py(x))
  }
  if (is.list(x)) {
    values <- lapply(x, .to_py)
    if (!is.null(names(x)) && any(Encoding(enc2utf8(names(x))) == "UTF-8")) {
      return(.adapter()$named(.text_to_py(names(x)), unname(values)))
    }
    return(values)
  }
  if (is.factor(x)) {
    x <- as.character(x)
  }
  scalar <- length(x) == 1L && is.null(dim(x)) && !inherits(x, "AsIs")
  if (scalar && (is.numeric(x) || (!is.na(x) && (is.character(x) || is.logical(x))))) {
    value <- as.vector(unclass(x))
    return(if (is.character(value)) enc2utf8(unname(value)) else .plain_number(x))
  }
  if (is.character(x)) .text_to_py(x) else .array_to_py(x)
}

.plain_number <- function(x) {
  if (is.logical(x)) {
    return(isTRUE(unname(as.vector(x))))
  }
  value <- unname(as.vector(.without_integer64(x)))
  if (is.integer(value) && is.na(value)) NA_real_ else value
}

.array_to_py <- function(x, chunk_bytes = .chunk_bytes) {
  x <- .as_numbers(x)
  adapter <- .adapter()
  array <- adapter$empty(.kind(x), as.list(if (is.null(dim(x))) length(x) else dim(x)))
  step <- chunk_bytes %/% 8
  start <- 0
  while (start < length(x)) {
    entries <- if (length(x) <= step) x else x[seq(start + 1, min(start + step, length(x)))]
    adapter$fill(array, start, .bytes(entries))
    start <- start + length(entries)
  }
  array
}

.kind <- function(x) {
  if (is.double(x)) "float64" else if (is.logical(x)) "bool" else "int32"
}

.bytes <- function(x) {
  x <- as.vector(x)
  if (is.logical(x)) as.raw(x) else writeBin(x, raw(), endian = "little")
}

# Numbers as R stores them, with NA as NaN: whole numbers have no other word for it.
.as_numbers <- function(x) {
  x <- .without_integer64(x)
  if (is.double(x)) {
    return(x)
  }
  if (!is.integer(x) && !is.logical(x)) {
    .stop_input("A ", class(x)[1], " of type ", typeof(x), " holds no numbers; give numbers.")
  }
  if (anyNA(x)) {
    storage.mode(x) <- "double"
  }
  x
}

# The class of package bit64 keeps whole numbers in the bits of doubles.
.without_integer64 <- function(x) {
  if (!inherits(x, "integer64")) {
    return(x)
  }
  if (!requireNamespace("bit64", quietly = TRUE)) {
    .stop_input("These numbers are of class integer64; install the package bit64 to read them.")
  }
  shape <- dim(x)
  x <- bit64::as.double.integer64(x)
  dim(x) <- shape
  x
}

.text_to_py <- function(x) {
  x <- as.character(x)
  missing <- which(is.na(x)) - 1
  x[is.na(x)] <- ""
  .adapter()$text(writeBin(enc2utf8(x), raw(), useBytes = TRUE), as.list(missing))
}

.frame_to_py <- function(x) {
  levels <- lapply(x, function(column) if (is.factor(column)) levels(column))
  .adapter()$frame(
    .text_to_py(names(x)), unname(lapply(x, function(column) .to_py(I(column)))),
    unname(lapply(levels, function(each) if (!is.null(each)) .text_to_py(each))),
    .text_to_py(rownames(x))
  )
}

# A Python object as an R value; vectors and arrays under their own shape.
.from_py <- function(object) {
  if (!inherits(object, "python.builtin.object")) {
    return(object)
  }
  .unpack(reticulate::py_to_r(.adapter()$encode(object)))
}

.unpack <- function(x) {
  kind <- if (is.list(x)) x$countglm_kind
  if (is.null(kind)) {
    return(x)
  }
  switch(kind,
    list = lapply(as.list(x$values), .unpack),
    dict = stats::setNames(lapply(as.list(x$values), .unpack), .unpack(x$names)),
    frame = .unpack_frame(x),
    text = .with_shape(.unpack_text(x), x$shape),
    logical = .with_shape(.unpack_numbers(x, "integer") != 0L, x$shape),
    int32 = .with_shape(.unpack_numbers(x, "integer"), x$shape),
    .with_shape(.unpack_numbers(x, "double"), x$shape)
  )
}

.unpack_numbers <- function(x, type) {
  readBin(x$data, type, n = prod(unlist(x$shape)), endian = "little")
}

.unpack_text <- function(x) {
  values <- readBin(x$data, "character", n = prod(unlist(x$shape)))
  Encoding(values) <- "UTF-8"
  missing <- readBin(x$missing, "integer", n = length(x$missing) / 4, endian = "little")
  values[missing + 1L] <- NA_character_
  values
}

.with_shape <- function(values, shape) {
  shape <- unlist(shape)
  if (length(shape) > 1L) array(values, dim = shape) else values
}

.unpack_frame <- function(x) {
  columns <- lapply(as.list(x$columns), .unpack)
  # What has no value is NA in R's tables.
  columns <- lapply(columns, function(column) {
    if (is.double(column)) column[is.nan(column)] <- NA_real_
    column
  })
  names(columns) <- .unpack(x$names)
  index <- .unpack(x$index)
  # The names of genes may repeat, those of rows may not.
  row_names <- if (anyDuplicated(index)) make.unique(index) else index
  structure(columns, class = "data.frame", row.names = row_names)
}

# Counts of genes x samples as Python's samples x genes; sparse ones stay sparse.
.counts_to_py <- function(counts) {
  if (inherits(counts, "dgCMatrix")) {
    return(.call("sparse", I(counts@p), I(counts@i), I(counts@x), nrow(counts), ncol(counts)))
  }
  if (.is_delayed(counts)) {
    return(.delayed_to_py(counts))
  }
  .adapter()$dense(.array_to_py(unname(counts)))
}

# Raises unless `assay` can say which of the assays of an object it means.
.check_assay <- function(object, assay) {
  if (is.null(assay) || !inherits(object, "SummarizedExperiment")) {
    return(invisible())
  }
  known <- length(SummarizedExperiment::assays(object, withDimnames = FALSE))
  one <- (is.character(assay) || is.numeric(assay)) && length(assay) == 1L && !is.na(assay)
  if (!one || (is.numeric(assay) && !assay %in% seq_len(known))) {
    .stop_input("assay = ", .shown(assay), " must be the name of an assay, or its place from 1 to ",
                known, ".")
  }
}

.is_delayed <- function(x) {
  inherits(x, "DelayedMatrix")
}

# Counts in a file are read once, some samples at a time, into one array.
.delayed_to_py <- function(counts) {
  adapter <- .adapter()
  kind <- c(logical = "bool", integer = "int32")[DelayedArray::type(counts)]
  kind <- if (is.na(kind)) "float64" else unname(kind)
  array <- adapter$empty(kind, as.list(dim(counts)))
  step <- max(1, .chunk_bytes %/% (8 * nrow(counts)))
  for (first in seq(1, ncol(counts), by = step)) {
    columns <- seq(first, min(first + step - 1, ncol(counts)))
    block <- .as_numbers(unname(as.matrix(counts[, columns, drop = FALSE])))
    if (.kind(block) != kind) {
      # A missing integer makes doubles of all.
      return(adapter$dense(.array_to_py(unname(as.matrix(counts)))))
    }
    adapter$fill(array, (first - 1) * nrow(counts), .bytes(block))
  }
  adapter$dense(array)
}
