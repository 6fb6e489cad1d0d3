# Stands in for the official redis image: the server, its user, its data folder.
FROM gradflat-standin:bookworm
RUN mkdir -p /data && chown redis:redis /data
WORKDIR /data
VOLUME /data
CMD ["redis-server"]
