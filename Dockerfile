# docker build -t quickdraw-kit .
# docker run --rm --user "$(id -u)" -v "$PWD:/data" quickdraw-kit demo
# docker run --rm --user "$(id -u)" -v "$PWD:/data" -p 127.0.0.1:8000:8000 quickdraw-kit \
#     serve --model model shards --host 0.0.0.0
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY quickdraw_kit quickdraw_kit
COPY pipelines pipelines
# torch without CUDA; for a GPU: --build-arg TORCH_INDEX=https://pypi.org/simple
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir torch --index-url "$TORCH_INDEX" \
    && /opt/venv/bin/pip install --no-cache-dir ".[cloud,onnx,photo,serve]"

FROM python:3.13-slim
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH HOME=/home/user QUICKDRAW_KIT_HOME=/data/.quickdraw-kit
RUN useradd --uid 1000 --create-home user && install --directory --owner=user /data
USER 1000
# numba caches in the home folder, which every user of --user may write to
RUN quickdraw-kit warm-up && chmod -R a+rwX /home/user
WORKDIR /data
ENTRYPOINT ["quickdraw-kit"]
CMD ["--help"]
