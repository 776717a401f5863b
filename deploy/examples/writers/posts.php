<?php
// Stores and deletes posts in Redis. Needs phpredis: pecl install redis, or Debian's php-redis.
const SITE = 'feedpub:{main}';
$url = parse_url(getenv('REDIS_URL') ?: 'redis://127.0.0.1:6379/0');
$r = new Redis();
$r->connect($url['host'], $url['port'] ?? 6379);

function put(Redis $r, array $post): void {
    // Without JSON_THROW_ON_ERROR, text that is not valid UTF-8 would be stored as an empty value.
    $json = json_encode($post, JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE);
    $r->multi()
        ->set(SITE . ':post:' . $post['id'], $json)
        ->xAdd(SITE . ':inbox', '*', ['id' => $post['id']])
        ->exec();
}

function delete(Redis $r, string $id): void {
    $r->multi()
        ->del(SITE . ':post:' . $id)
        ->xAdd(SITE . ':inbox', '*', ['id' => $id])
        ->exec();
}

if (($argv[1] ?? '') === 'delete') {
    delete($r, 'hello');
} else {
    put($r, ['id' => 'hello', 'title' => 'Hello', 'content_text' => 'First words.']);
}
