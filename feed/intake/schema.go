package intake

import (
	_ "embed"
	"slices"
)

//go:embed post.schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of a post. Every post that [Decode] accepts is valid. A few valid
// posts are still rejected, because a schema cannot express the rule: the 30th of February, or a text that is not a
// URL. The caller owns the bytes.
func Schema() []byte { return slices.Clone(schema) }
