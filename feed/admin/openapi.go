package admin

import (
	_ "embed"
	"net/http"
	"slices"

	"feedpub/feed/intake"
)

//go:embed openapi.yaml
var openAPI []byte

// OpenAPI returns the description of the admin interface (OpenAPI 3.1, in YAML). The caller owns the bytes.
func OpenAPI() []byte { return slices.Clone(openAPI) }

// file responds with a file that does not change while the process is running.
func (h *handler) file(mediaType string, content []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		if _, err := w.Write(content); err != nil {
			h.Log.Debug("cannot send the response", "error", err)
		}
	})
}

// descriptionRoutes returns the routes of the descriptions for programs.
func (h *handler) descriptionRoutes() []route {
	return []route{
		{http.MethodGet, "/openapi.yaml", "", []int{200}, h.file("application/yaml", openAPI)}, // RFC 9512
		{http.MethodGet, "/post.schema.json", "", []int{200}, h.file("application/schema+json", intake.Schema())},
	}
}
