#!/bin/sh
# Deletes a post from Redis and adds its inbox entry, in one transaction.
redis-cli -u "${REDIS_URL:-redis://127.0.0.1:6379/0}" <<'END'
MULTI
DEL feedpub:{main}:post:hello
XADD feedpub:{main}:inbox * id hello
EXEC
END
