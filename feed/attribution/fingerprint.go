package attribution

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
)

// rulesVersion is the version of the rules that are code. It rises with every change by which some post is read
// otherwise; changes of the data files show by themselves.
const rulesVersion = 4

// fingerprint identifies what a reader with these options reads by.
func fingerprint(extra []Publication, threshold float64) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%d %g\n%s\n", rulesVersion, threshold, publicationData)
	if err := json.NewEncoder(h).Encode(extra); err != nil {
		return "", err
	}
	err := fs.WalkDir(languageFiles, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := languageFiles.ReadFile(name)
		fmt.Fprintf(h, "%s %d\n%s\n", name, len(data), data)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)[:8]), err
}
