"""LiteLLM's ``config.yaml``, read as it is: what each key of it means here, and which of them mean nothing.

Facts as of 2026-11-21, from LiteLLM's documents and source.
"""

from pixelrelay.config.litellm.files import translated
from pixelrelay.config.litellm.ledger import Translation

__all__ = ["Translation", "translated"]
