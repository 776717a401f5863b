// Stores, reads and deletes a post with types that are generated from feedpub's OpenAPI description:
//
//     npx openapi-typescript http://127.0.0.1:8081/openapi.yaml -o feedpub.d.ts
//     npx tsc && FEEDPUB_ADMIN=http://127.0.0.1:8081 FEEDPUB_TOKEN=SECRET node posts.js
import createClient from "openapi-fetch";
import type { components, paths } from "./feedpub.js";

// Declared here rather than imported, so that the example does not depend on Node's types.
declare const process: { env: Record<string, string | undefined> };

const client = createClient<paths>({
  baseUrl: process.env.FEEDPUB_ADMIN,
  headers: { Authorization: `Bearer ${process.env.FEEDPUB_TOKEN}` },
});
const params = { path: { site: "main", id: "https://example.org/typescript" } };
const post: components["schemas"]["Post"] = {
  title: "On a report",
  content_text: "What the Example found:",
  status: "published",
  quotes: [{ source: { headline: "A report" }, text: "A passage." }],
};

const stored = await client.PUT("/sites/{site}/posts/{id}", { params, body: post });
if (stored.response.status !== 201) throw new Error(`store the post: ${stored.response.status}: ${stored.error?.detail}`);

const got = await client.GET("/sites/{site}/posts/{id}", { params });
if (got.response.status !== 200) throw new Error(`read the post: ${got.response.status}: ${got.error?.detail}`);

const deleted = await client.DELETE("/sites/{site}/posts/{id}", { params });
if (deleted.response.status !== 204) throw new Error(`delete the post: ${deleted.response.status}`);

console.log(`stored "${(got.data as typeof post).title}" as ${params.path.id}, read it and deleted it`);
