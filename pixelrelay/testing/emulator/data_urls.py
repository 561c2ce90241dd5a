"""Pictures that bodies hold as ``data:`` URLs. Nothing is fetched: an address is no use here."""

from __future__ import annotations

import base64
import binascii

from PIL.ImageFile import ImageFile

from pixelrelay.testing.emulator.pictures import UndecodableError, decode


def picture_in(url: str) -> ImageFile:
    """The picture, whose type must be the one it is said to have; ``UndecodableError`` if there is none."""
    head, comma, encoded = url.partition(";base64,")
    if not head.startswith("data:image/") or not comma:
        raise UndecodableError("not a data: URL in base64")
    try:
        picture = decode(base64.b64decode(encoded, validate=True))
    except binascii.Error:
        raise UndecodableError("not base64") from None
    if picture.get_format_mimetype() != head.removeprefix("data:"):
        raise UndecodableError(f"it is not {head.removeprefix('data:')}")
    return picture
