package intake

import (
	_ "embed"
	"slices"
)

//go:embed post.schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of a post. Every post that [Decode] takes is valid by it; a few that
// are valid are still refused, for what a schema can't say: the 30th of February, or text that is no URL. The caller
// owns the bytes.
func Schema() []byte { return slices.Clone(schema) }
