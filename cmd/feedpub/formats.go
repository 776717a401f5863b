package main

import (
	"feedpub/feed/attribution"
	"feedpub/feed/transfer"
	"feedpub/store/embedded"
)

// decodeFiles returns the function that reads the files of a folder of posts, for [embedded.Options]. The reader reads
// plain text.
func decodeFiles(reader *attribution.Reader) embedded.Decode {
	return transfer.Options{Reader: reader}.Decode
}
