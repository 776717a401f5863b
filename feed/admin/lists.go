package admin

import (
	"net/http"
	"time"

	"feedpub/feed"
)

// feedState is what operators see of a feed that is served.
type feedState struct {
	Feed      feed.Name       `json:"feed"`
	Items     int             `json:"items"`
	Token     feed.Token      `json:"token"`
	Documents []documentState `json:"documents"`
}

type documentState struct {
	Format   feed.Format `json:"format"`
	Path     string      `json:"path"`
	Hash     feed.Hash   `json:"hash"`
	Bytes    int         `json:"bytes"`
	Modified time.Time   `json:"modified"`
}

// feeds lists what is served.
func (h *handler) feeds(w http.ResponseWriter, _ *http.Request) error {
	list := []feedState{}
	for _, head := range h.Heads.Heads() {
		f := feedState{Feed: head.Feed, Items: len(head.IDs), Token: head.Token, Documents: []documentState{}}
		for _, d := range head.Documents {
			f.Documents = append(f.Documents, documentState{d.Format, d.Path, d.Hash, d.Length, d.Modified})
		}
		list = append(list, f)
	}
	h.json(w, http.StatusOK, "application/json", map[string][]feedState{"feeds": list})
	return nil
}

// readers lists who reads the feeds.
func (h *handler) readers(w http.ResponseWriter, _ *http.Request) error {
	list := []feed.Readership{}
	if h.Readers != nil {
		list = append(list, h.Readers.Readers()...)
	}
	h.json(w, http.StatusOK, "application/json", map[string][]feed.Readership{"feeds": list})
	return nil
}

// problems lists what is not published, and why.
func (h *handler) problems(w http.ResponseWriter, r *http.Request) error {
	list := []feed.Problem{}
	for _, lister := range h.Problems {
		some, err := lister.Problems(r.Context())
		if err != nil {
			return err
		}
		list = append(list, some...)
	}
	h.json(w, http.StatusOK, "application/json", map[string][]feed.Problem{"problems": list})
	return nil
}
