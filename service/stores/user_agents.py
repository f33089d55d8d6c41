"""User-Agent strings, compressed with a preset dictionary."""

import zlib

MOST = 128  # bytes kept of each
WINDOW = -10  # raw deflate with a window of 1 KB, which the words below fit into
EFFORT, MEMORY = 9, 2  # 20 microseconds
# Common text is at the end, where references are cheaper. Never change it: live sessions were packed with exactly this.
WORDS = (
    b"Dalvik/2.1.0 (U; Build/ okhttp/4.12.0 CFNetwork/ Darwin/ aiohttp/3. python-requests/2. Python/3. curl/8. "
    b"Go-http-client/2.0 axios/1. PostmanRuntime/7. node "
    b"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) Mozilla/5.0 (iPad; CPU OS 18_ Mozilla/5.0 (Android 15; Mobile; rv: "
    b"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
    b"Mobile/15E148 Safari/604.1"
    b"Mozilla/5.0 (X11; Linux x86_64) Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) "
    b"Mozilla/5.0 (Linux; Android 10; K) Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
    b" AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36 Edg/140.0.0.0"
)


def pack(agent: str) -> bytes:
    """Compress the first 128 bytes: to about ten for a common browser, at worst to a few more than they are."""
    plain = agent.encode()[:MOST]
    if not plain:
        return b""
    packer = zlib.compressobj(EFFORT, zlib.DEFLATED, WINDOW, MEMORY, zdict=WORDS)
    return packer.compress(plain) + packer.flush()


def unpack(packed: bytes) -> str:
    """Whole characters only; empty for damaged data."""
    try:
        return zlib.decompressobj(WINDOW, zdict=WORDS).decompress(packed, MOST).decode(errors="ignore")
    except zlib.error:
        return ""
