# ruff: noqa: INP001 - a script of its own, in no package
"""`make pin`: write behind each base image's tag the digest that the tag has now. Needs docker with buildx."""

import re
import subprocess
import sys
from pathlib import Path

FILES = ("docker-compose.yml", "deploy/observability.yml", "Dockerfile")
IMAGE = re.compile(r"^( *image: *|FROM +)([\w./-]+:[\w.-]+)(@sha256:[0-9a-f]{64})?(?=\s|$)", re.MULTILINE)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def digest_of(image: str) -> str:
    """Of the index, which covers every platform. Ends the program with one line when there is none to be had."""
    ask = ["docker", "buildx", "imagetools", "inspect", image, "--format", "{{.Manifest.Digest}}"]
    try:
        done = subprocess.run(ask, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    except FileNotFoundError:
        sys.exit("pin: docker is not on PATH; nothing was changed")
    if done.returncode != 0 or not DIGEST.fullmatch(done.stdout.strip()):
        said = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
        sys.exit(f"pin: docker does not tell the digest of {image} ({said}); nothing was changed")
    return done.stdout.strip()


def main() -> None:
    texts = {file: Path(file).read_text(encoding="utf-8") for file in FILES}
    images = sorted({image for text in texts.values() for _, image, _ in IMAGE.findall(text)})
    digests = {image: digest_of(image) for image in images}
    for file, text in texts.items():
        pinned = IMAGE.sub(lambda found: f"{found[1]}{found[2]}@{digests[found[2]]}", text)
        Path(file).write_text(pinned, encoding="utf-8")
    print("\n".join(f"{image}@{digest}" for image, digest in digests.items()))  # noqa: T201 - the command's answer


if __name__ == "__main__":
    main()
