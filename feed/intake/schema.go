package intake

import (
	_ "embed"
	"slices"
)

//go:embed post.schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of a post. Every post that [Decode] accepts conforms to the schema.
// [Decode] also rejects a few posts that conform to it, because a schema cannot express every rule, such as that
// February has no 30th day. The caller owns the bytes.
func Schema() []byte { return slices.Clone(schema) }
