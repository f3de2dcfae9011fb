# Histograms of log chi-squared (1, 2, 3 degrees of freedom) plus normal noise, by base R's random
# numbers alone: for each of 200 variances in [0, 8], 10000 draws, in 40 bins of width 0.5.
# Writes histograms.csv: df, variance index (from 0), then the counts of the bins.
RNGversion("4.2.0")
rows <- list()
for (df in 1:3) {
  set.seed(2, kind = "Mersenne-Twister", normal.kind = "Inversion")
  variances <- seq(from = 0, to = 8, length.out = 200)
  for (k in seq_along(variances)) {
    chisq <- rchisq(1e4, df = df)
    drawn <- log(chisq) + rnorm(1e4, 0, sqrt(variances[k])) - log(df)
    inside <- drawn[drawn > -10 & drawn < 10]
    bins <- hist(inside, breaks = -20:20 / 2, plot = FALSE)$counts
    rows[[length(rows) + 1]] <- c(df, k - 1, bins)
  }
}
table <- do.call(rbind, rows)
colnames(table) <- c("df", "variance", paste0("bin", 1:40))
write.csv(table, "histograms.csv")
