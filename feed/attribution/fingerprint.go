package attribution

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
)

// Generation is the version of the built-in tables: the model, the rules and their words, and the known publications. A
// release with a new generation reads posts differently. Published items must not change until their site is upgraded,
// so the first change after a release to the tables, or to the code that uses them, must increment this number and add
// a rendering version for it (package publish lists both).
const Generation = 2

// fingerprint identifies the options of a reader with the given threshold.
func fingerprint(o Options, threshold float64) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%g %t\n", threshold, o.RulesOnly)
	if o.Model != nil {
		if _, err := o.Model.WriteTo(h); err != nil {
			return "", err
		}
	}
	if err := json.NewEncoder(h).Encode(o.Publications); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

// builtInSum returns a hash of the built-in tables.
func builtInSum() (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", modelData, publicationData)
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
