"""A streaming news-monitoring alert daemon that finds what analysts mean, in Arabic first."""

__version__ = "0.1.0"
