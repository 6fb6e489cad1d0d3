# Stands in for python:3.11-slim-bookworm: Debian's own Python 3.11 and pip.
FROM gradflat-standin:bookworm
RUN rm -f /usr/lib/python3.11/EXTERNALLY-MANAGED \
    && ln -s /usr/bin/python3 /usr/local/bin/python
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY wheels /wheels
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_FIND_LINKS=/wheels \
    PIP_ROOT_USER_ACTION=ignore
