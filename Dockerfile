# The image of the service: Python, the locked packages and Tokenhouse. No compiler, no root.
FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv --without-pip /opt/tokenhouse
WORKDIR /src
# The packages first, those for traces among them: their layer is built again only when the lock changes. pip compiles
# what it installs.
COPY requirements.lock ./
RUN pip --python /opt/tokenhouse/bin/python install --only-binary=:all: --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE config.yaml ./
COPY sql sql
COPY service service
# `check` fails when the lock has fallen behind pyproject.toml.
RUN pip --python /opt/tokenhouse/bin/python install --no-deps . && pip --python /opt/tokenhouse/bin/python check

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
