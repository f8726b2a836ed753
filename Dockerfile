# One image for the operator and its workers. Everything in it is pinned: wheels by hash, the base by the
# digest that a release puts into PYTHON_IMAGE, and that the label base.name tells. `make e2e` builds and runs it.
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements-build.lock requirements.lock ./
# pip lives beside what is shipped, never in it.
RUN python3 -m venv /build \
 && /build/bin/pip install --quiet --require-hashes --only-binary :all: -r requirements-build.lock \
 && python3 -m venv --without-pip /opt/socratasync \
 && /build/bin/pip --python /opt/socratasync/bin/python install --quiet --no-compile \
      --require-hashes --only-binary :all: -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
COPY tools/trim_image.sh tools/licences.py tools/licences.toml tools/
RUN /build/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /dist . \
 && /build/bin/pip --python /opt/socratasync/bin/python install --quiet --no-compile --no-deps \
      --no-index /dist/*.whl \
 && tools/trim_image.sh /opt/socratasync/lib \
 # A package under a licence that nobody has looked at ends the build.
 && mkdir /licenses && python3 tools/licences.py /opt/socratasync/lib/python3*/site-packages \
      > /licenses/dependencies.tsv \
 # Isolated (I), for no variable and no folder may choose the code that runs; so is what ENV says below: no
 # bytecode is written (B), and nothing waits in a buffer (u).
 && sed -i '1s/$/ -IBu/' /opt/socratasync/bin/socratasync /opt/socratasync/bin/kubectl-socratasync \
 # Compiled here, since nobody may write at run time; by hash, so that a copy's new dates do no harm.
 && /opt/socratasync/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
      /opt/socratasync/lib \
 && /opt/socratasync/bin/socratasync --version \
 && /opt/socratasync/bin/kubectl-socratasync --version \
 && /opt/socratasync/bin/python -c 'import socratasync.controller.main, socratasync.controller.page.server, socratasync.cli.kubectl.cluster'

FROM ${PYTHON_IMAGE}
ARG PYTHON_IMAGE
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Socrata Sync" \
      org.opencontainers.image.description="Keeps PostgreSQL tables in step with Socrata open-data datasets" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/socratasync/socratasync" \
      org.opencontainers.image.base.name="${PYTHON_IMAGE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# The base's own pip has nothing to install here. The user has a name for programs that ask for one.
RUN rm -rf /usr/local/lib/python3*/site-packages/* /usr/local/lib/python3*/ensurepip \
      /usr/local/bin/pip* /usr/local/bin/idle* /usr/local/bin/pydoc* \
 && echo 'socratasync:x:65532:65532::/nonexistent:/usr/sbin/nologin' >> /etc/passwd \
 && echo 'socratasync:x:65532:' >> /etc/group
COPY --from=build /opt/socratasync /opt/socratasync
COPY --from=build /licenses /licenses
COPY LICENSE /licenses/LICENSE
# Time zones come from the tzdata wheel; certificates from certifi unless SSL_CERT_FILE says otherwise.
ENV PATH=/opt/socratasync/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/nonexistent
# By number: a pod that must run as non-root is checked before anybody can look a name up.
USER 65532:65532
WORKDIR /
ENTRYPOINT ["socratasync"]
