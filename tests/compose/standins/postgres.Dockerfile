# Stands in for the official postgres image: creates the cluster and the database named
# by POSTGRES_USER, POSTGRES_DB and POSTGRES_PASSWORD, then serves them.
FROM gradflat-standin:bookworm
ENV PATH=/usr/lib/postgresql/15/bin:$PATH PGDATA=/var/lib/postgresql/data
RUN mkdir -p "$PGDATA" /var/run/postgresql \
    && chown -R postgres:postgres /var/lib/postgresql /var/run/postgresql
COPY postgres-entrypoint /usr/local/bin/
VOLUME /var/lib/postgresql/data
ENTRYPOINT ["postgres-entrypoint"]
