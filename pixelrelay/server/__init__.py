"""The gateway: OpenAI's Images API in front of a router. Needs the extra ``server``.

``Gateway(router)`` is an ASGI app; ``pixelrelay serve`` runs one.
"""

try:
    from pixelrelay.server.gateway import Gateway
except ModuleNotFoundError as missing:
    if missing.name is None or missing.name.partition(".")[0] == "pixelrelay":
        raise
    raise ImportError(
        f"pixelrelay.server needs {missing.name!r}, which is not installed: pip install 'pixelrelay[server]'"
    ) from missing

__all__ = ["Gateway"]
