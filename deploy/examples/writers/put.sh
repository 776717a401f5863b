#!/bin/sh
# Stores a post in Redis: the post and its inbox entry, in one transaction.
redis-cli -u "${REDIS_URL:-redis://127.0.0.1:6379/0}" <<'END'
MULTI
SET feedpub:{main}:post:hello '{"id": "hello", "title": "Hello", "content_text": "First words."}'
XADD feedpub:{main}:inbox * id hello
EXEC
END
