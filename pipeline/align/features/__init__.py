"""The features of X: one module per family, and the table of all kinds (`registry`)."""
