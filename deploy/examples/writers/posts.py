# Stores and deletes posts in Redis. Needs redis-py: pip install redis, or Debian's python3-redis.
import json
import os
import sys

import redis

SITE = "feedpub:{main}"
r = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"))


def put(post):
    with r.pipeline(transaction=True) as p:
        p.set(f"{SITE}:post:{post['id']}", json.dumps(post))
        p.xadd(f"{SITE}:inbox", {"id": post["id"]})
        p.execute()


def delete(id):
    with r.pipeline(transaction=True) as p:
        p.delete(f"{SITE}:post:{id}")
        p.xadd(f"{SITE}:inbox", {"id": id})
        p.execute()


if sys.argv[1:] == ["delete"]:
    delete("hello")
else:
    put({"id": "hello", "title": "Hello", "content_text": "First words."})
