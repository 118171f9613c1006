# The program in a container: `docker build -t cairn . && docker run -p 8000:8000 -p 4444:4444 -p 6543:6543 -p 11211:11211 cairn`
# Any image with Node >= 20 and npm builds it; any with glibc runs it (docs/docker.md says how to replace them).
ARG BUILD_BASE=node:22-bookworm-slim
ARG RUN_BASE=debian:bookworm-slim

FROM ${BUILD_BASE} AS build
WORKDIR /app
# The libraries first, alone: they change seldom, so this layer is kept. Bun needs no install script to work.
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY bin bin
COPY scripts scripts
COPY src src
RUN npm run build && mkdir -p dist
# What only builds and tests need goes.
RUN npm prune --omit=dev --ignore-scripts

FROM ${RUN_BASE}
# A number, so that it can be proven not to be root; the volume belongs to it.
RUN mkdir /data && chown 10001:10001 /data
WORKDIR /app
COPY --from=build /app/package.json /app/tsconfig.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/bin bin
COPY --from=build /app/dist dist
COPY --from=build /app/src src
COPY LICENSE ./
USER 10001:10001
# Inside a container loopback is nobody's: what is published (-p) decides who can reach it, so the image lets the doors listen
# without a password; publish only the ports that you want reached. HOME is for caches.
ENV NODE_ENV=production CAIRN_HOST=0.0.0.0 CAIRN_INSECURE=true HOME=/tmp
# Databases are named relative to here, so the default, cairn.sqlite, lies in the volume.
WORKDIR /data
VOLUME /data
EXPOSE 4444 6543 8000 11211
HEALTHCHECK --interval=5s --timeout=3s --start-period=5s --retries=3 \
  CMD ["/app/bin/cairn", "health"]
# The launcher execs, so the program is process 1 and gets SIGTERM itself.
ENTRYPOINT ["/app/bin/cairn"]
CMD ["serve"]
