"""How well terms find what analysts mean, on labelled data that lies beside the project (`make eval`)."""
