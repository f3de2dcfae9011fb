"""Full-size acceptance lists: what the package claims, measured."""
