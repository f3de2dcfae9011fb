library(testthat)
library(countglm)

test_check("countglm")
