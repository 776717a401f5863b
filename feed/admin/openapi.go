package admin

import (
	_ "embed"
	"net/http"
	"slices"
)

//go:embed openapi.yaml
var openAPI []byte

// OpenAPI returns the description of the admin interface (OpenAPI 3.1, in YAML). The caller owns the bytes.
func OpenAPI() []byte { return slices.Clone(openAPI) }

func (h *handler) openAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml") // RFC 9512
	if _, err := w.Write(openAPI); err != nil {
		h.Log.Debug("response not sent", "error", err)
	}
}
