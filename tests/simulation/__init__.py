"""A fortnight of polling in simulated time: `python -m tests.simulation` (`make fortnight`).

Publishers with bad habits (`publishers`), polled as the daemon polls them (`polling`) while every true article is known
to the model, so that what was lost, told twice or not noticed can be counted (`judging`).
"""
