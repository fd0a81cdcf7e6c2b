"""The crash harness in small, and proof that its checker can say no."""
