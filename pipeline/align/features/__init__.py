"""The features of X: one module a family, and the table of all families (`registry`)."""
