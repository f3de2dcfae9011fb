# Errors, warnings and messages of this package: classed conditions with one clear text.

# The user's mistake: what is wrong, with name and value; how many; where first; what to do.
.stop_input <- function(..., class = NULL) {
  .stop(paste0(...), class = c(class, "countglm_input_error"))
}

.stop <- function(message, class = NULL, trace = NULL) {
  condition <- structure(
    list(message = message, call = NULL, trace = trace),
    class = c(class, "countglm_error", "error", "condition")
  )
  stop(condition)
}

.warn <- function(message) {
  condition <- structure(
    list(message = message, call = NULL),
    class = c("countglm_warning", "warning", "condition")
  )
  warning(condition)
}

.inform <- function(...) {
  condition <- structure(
    list(message = paste0(..., "\n"), call = NULL),
    class = c("countglm_message", "message", "condition")
  )
  message(condition)
}

.plural <- function(n, noun, many = paste0(noun, "s")) {
  paste(format(n, big.mark = ",", trim = TRUE, scientific = FALSE), if (n == 1) noun else many)
}

.quoted <- function(names, most = 5L) {
  shown <- paste0("'", utils::head(names, most), "'", collapse = ", ")
  if (length(names) > most) paste0(shown, ", ...") else shown
}

# A value as R writes it, not more than a line of it.
.shown <- function(value) {
  text <- paste(trimws(deparse(value)), collapse = " ")
  if (nchar(text) > 60L) paste0(substr(text, 1L, 57L), "...") else text
}

# The value of an argument that is one of some words: the first where the caller chose none.
.choice <- function(value, choices, what) {
  if (identical(value, choices)) {
    return(choices[1])
  }
  if (!is.character(value) || length(value) != 1L || !value %in% choices) {
    .stop_input(what, " = ", .shown(value), " is not known; choose from ",
                .quoted(choices, length(choices)), ".")
  }
  value
}
