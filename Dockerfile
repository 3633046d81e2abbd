FROM node:22-bookworm-slim AS npm
WORKDIR /web
COPY api/web/package.json api/web/package-lock.json api/web/.npmrc ./
RUN npm ci

FROM python:3.12-slim-bookworm
RUN pip install --no-cache-dir uv
WORKDIR /horad
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY geo geo
COPY layers layers
COPY api api
COPY data data
RUN uv pip install --system --no-cache --constraints requirements.lock --editable ".[demo]"
COPY --from=npm /web/node_modules api/web/node_modules
RUN python -m api.web.build && rm -r api/web/node_modules \
    && useradd --create-home horad && mkdir .horad && chown horad .horad
USER horad
ENV HORAD_HOST=0.0.0.0
EXPOSE 8000
CMD ["horad", "up", "--foreground"]
