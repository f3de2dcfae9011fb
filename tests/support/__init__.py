"""References that share no code with the package: fifty digits, exact rationals, long double."""
