"""Scalar arithmetic over float64 arrays; knows no pandas, scipy or AnnData."""
