"""Letters, words and sentences of written Arabic and of other scripts: what counts as the same."""
