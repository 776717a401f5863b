// Command posts stores, reads and deletes a post with a client that is generated from feedpub's OpenAPI description:
//
//	curl -fsS http://127.0.0.1:8081/openapi.yaml -o openapi.yaml
//	go tool oapi-codegen -config oapi-codegen.yml openapi.yaml
//	FEEDPUB_ADMIN=http://127.0.0.1:8081 FEEDPUB_TOKEN=SECRET go run .
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	// Imported by the generated code, which is not in the repository.
	_ "github.com/oapi-codegen/runtime"
)

func main() {
	if err := run(context.Background(), os.Getenv("FEEDPUB_ADMIN"), os.Getenv("FEEDPUB_TOKEN")); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, server, token string) error {
	authorize := func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	}
	client, err := NewClientWithResponses(server, WithRequestEditorFn(authorize))
	if err != nil {
		return err
	}
	const site, id = "main", "https://example.org/go"
	headline, passage, status := "A report", "A passage.", PostStatusPublished
	title, text := "On a report", "What the Example found:"
	stored, err := client.PutPostWithResponse(ctx, site, id, nil, Post{
		Title:       &title,
		ContentText: &text,
		Status:      &status,
		Quotes:      &[]PostQuote{{Source: &PostSource{Headline: &headline}, Text: &passage}},
	})
	if err != nil {
		return err
	}
	if stored.JSON201 == nil {
		return fmt.Errorf("store the post: %s: %s", stored.Status(), stored.Body)
	}
	got, err := client.GetPostWithResponse(ctx, site, id, nil)
	if err != nil {
		return err
	}
	if got.JSON200 == nil || got.JSON200.Title == nil {
		return fmt.Errorf("read the post: %s: %s", got.Status(), got.Body)
	}
	deleted, err := client.DeletePostWithResponse(ctx, site, id, nil)
	if err != nil {
		return err
	}
	if deleted.StatusCode() != http.StatusNoContent {
		return fmt.Errorf("delete the post: %s: %s", deleted.Status(), deleted.Body)
	}
	fmt.Printf("stored %q as %s, read it and deleted it\n", *got.JSON200.Title, stored.JSON201.Id)
	return nil
}
