// Stores and deletes posts in Redis. Needs node-redis: npm install redis
import { createClient } from "redis";

const site = "feedpub:{main}";
const r = await createClient({ url: process.env.REDIS_URL ?? "redis://127.0.0.1:6379/0" }).connect();

async function put(post) {
  await r.multi()
    .set(`${site}:post:${post.id}`, JSON.stringify(post))
    .xAdd(`${site}:inbox`, "*", { id: post.id })
    .exec();
}

async function remove(id) {
  await r.multi()
    .del(`${site}:post:${id}`)
    .xAdd(`${site}:inbox`, "*", { id })
    .exec();
}

if (process.argv[2] === "delete") {
  await remove("hello");
} else {
  await put({ id: "hello", title: "Hello", content_text: "First words." });
}
await r.quit();
