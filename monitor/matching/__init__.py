"""What articles are held against: expressions, and the engines that evaluate them."""

from __future__ import annotations

from typing import Final

ENGINE_VERSION: Final = "1"
"""Part of every watchlist's revision: raised whenever the same watchlist may match otherwise than before."""
