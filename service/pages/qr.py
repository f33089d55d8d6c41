"""QR codes, as SVG that stands in the page: without a style, which the page's own policy would refuse."""

import segno


def svg(text: str) -> str:
    """Dark on light whatever the page's colours are, with the quiet zone that readers look for."""
    return segno.make_qr(text, error="m").svg_inline(border=4, dark="#000", light="#fff", omitsize=True)
