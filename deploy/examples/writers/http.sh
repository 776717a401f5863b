#!/bin/sh
# Stores a post over HTTP, gets its entity tag, and deletes that version. The script ends at the first step that fails.
set -eu
posts=${FEEDPUB_ADMIN:-http://127.0.0.1:8081}/sites/main/posts
auth="Authorization: Bearer ${FEEDPUB_TOKEN:?}"
json="Content-Type: application/json"

# An id is one percent-encoded segment: this one is https://example.org/1.
curl -fsS -X PUT -H "$auth" -H "$json" "$posts/https%3A%2F%2Fexample.org%2F1" \
  -d '{"id": "https://example.org/1", "title": "Hello", "content_text": "First words."}'

etag=$(curl -fsS -o /dev/null -w '%header{etag}' -H "$auth" "$posts/https%3A%2F%2Fexample.org%2F1")
curl -fsS -X DELETE -H "$auth" -H "If-Match: $etag" "$posts/https%3A%2F%2Fexample.org%2F1"
