# syntax=docker/dockerfile:1
# The gateway as an image: the locked packages and the wheel in a virtual environment, run by a user without rights.
# The root file system may be read-only: all that is written is /var/lib/gateway (and only with the embedded database, which by
# default is var/gateway.db in there; settings of the image itself would win over those of a mounted file, so it has none).

FROM python:3.12-slim AS build
# A package index of one's own: docker build --build-arg PIP_INDEX_URL=...; it stays in this stage.
ARG PIP_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /opt/gateway
COPY requirements/runtime.txt requirements/runtime.txt
RUN /opt/gateway/bin/pip install --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY gateway gateway
COPY mappings mappings
COPY config config
# What building needs came with the locked packages and does not stay in the image.
RUN /opt/gateway/bin/pip install --no-deps --no-build-isolation . \
    && /opt/gateway/bin/pip uninstall --yes hatchling editables pip \
    && /opt/gateway/bin/python -m compileall -q /opt/gateway/lib

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/gateway --create-home --shell /usr/sbin/nologin gateway
COPY --from=build /opt/gateway /opt/gateway
ENV PATH=/opt/gateway/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001
WORKDIR /var/lib/gateway
VOLUME /var/lib/gateway
EXPOSE 8663
# Docker waits 10 s by default; give it the drain time and a margin: docker stop --time 60.
STOPSIGNAL SIGTERM
# Without a proxy, whatever the environment says. Another port is known here by GATEWAY_SERVER__PORT; `worker` answers no requests, so
# run it with --no-healthcheck.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('GATEWAY_SERVER__PORT', '8663')), timeout=2); c.request('GET', '/livez'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["gateway"]
# Listening on all addresses needs authentication: mount a configuration with security.mode = "tokens" and set
# GATEWAY_CONFIG to its path. Without it the gateway refuses to start and says so.
CMD ["serve", "--host", "0.0.0.0"]
