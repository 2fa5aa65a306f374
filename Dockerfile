# web, worker, live, beat and migrate are one image with different commands; `sandbox` adds the pretend Omnidesk.
FROM python:3.11-slim AS cabinet

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /app
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin cabinet

# Before the code, so that a change of the code installs nothing anew.
COPY requirements.txt ./
RUN pip install -r requirements.txt

COPY manage.py ./
COPY config ./config
COPY cabinet ./cabinet
COPY omnidesk_sync ./omnidesk_sync
COPY webhooks ./webhooks

# The settings are read strictly; these values are used for this one command and kept nowhere.
RUN mkdir -p var/media \
    && SECRET_KEY=build SITE_URL=http://localhost ALLOWED_HOSTS=localhost EMAIL_URL=dummymail:// \
       DEFAULT_FROM_EMAIL=build@localhost python manage.py collectstatic --noinput \
    && chown -R cabinet:cabinet var

USER cabinet
VOLUME /app/var/media
EXPOSE 8000 8001
ENV GRANIAN_HOST=0.0.0.0 PORT=8000
CMD ["sh", "-c", "exec granian --interface wsgi config.wsgi:application --port \"$PORT\" --workers 2 --blocking-threads 1 --no-access-log --no-ws"]

FROM cabinet AS sandbox
USER root
COPY requirements-dev.txt ./
RUN grep -E '^(aiosmtpd|atpublic|attrs)==' requirements-dev.txt > /tmp/sandbox.txt && pip install -r /tmp/sandbox.txt
COPY sandbox ./sandbox
RUN mkdir -p /app/var/sandbox && chown cabinet:cabinet /app/var/sandbox
USER cabinet
VOLUME /app/var/sandbox
EXPOSE 8100 8125
CMD ["python", "-m", "sandbox", "--help"]

# The product is what a plain `docker build .` makes.
FROM cabinet
