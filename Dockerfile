# The image of the service: Python, the locked packages and Tokenhouse. No root; the compiler stays in the first stage. `make pin` puts digests behind
# the names of base images, here and in the Compose files.
FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# For service/native; Python's headers are in the image.
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
RUN python -m venv --without-pip /opt/tokenhouse
WORKDIR /src
# The packages first, those for traces among them: their layer is built again only when the lock changes. pip compiles
# what it installs.
COPY requirements.lock ./
RUN pip --python /opt/tokenhouse/bin/python install --only-binary=:all: --require-hashes -r requirements.lock
# What builds the package, with hashes too, in the Python of this stage: none of it is in the image.
COPY deploy/build.lock deploy/
RUN pip install --only-binary=:all: --require-hashes -r deploy/build.lock
COPY pyproject.toml README.md LICENSE config.yaml ./
COPY sql sql
COPY service service
# `check` fails when the lock has fallen behind pyproject.toml.
RUN pip wheel --no-index --no-deps --no-build-isolation --wheel-dir /wheel . \
    && pip --python /opt/tokenhouse/bin/python install --no-index --no-deps /wheel/*.whl \
    && pip --python /opt/tokenhouse/bin/python check

FROM python:3.13-slim
RUN groupadd --gid 10001 tokenhouse \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin tokenhouse
COPY --from=build /opt/tokenhouse /opt/tokenhouse
COPY deploy/healthcheck.py /opt/tokenhouse/healthcheck.py
# A config.yaml mounted in /app is read instead of the shipped one.
WORKDIR /app
ENV PATH=/opt/tokenhouse/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    TOKENHOUSE_SERVER__HOST=0.0.0.0 TOKENHOUSE_SERVER__PORT=8080
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-I", "-S", "/opt/tokenhouse/healthcheck.py", "8080"]
ENTRYPOINT ["tokenhouse"]
CMD ["serve"]
