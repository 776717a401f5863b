package admin

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// Posts reads and writes a site's posts. The confirmed results report whether a write has the configured durability.
type Posts interface {
	// Update atomically replaces a post with the result of next. A nil slice means that there is no post. If next
	// fails, Update changes nothing and returns its error.
	Update(ctx context.Context, id string, next func(current []byte) ([]byte, error)) (confirmed bool, err error)
	// PutConfirmed stores or replaces posts. created reports for each post whether it is new.
	PutConfirmed(ctx context.Context, posts ...feed.RawPost) (created []bool, confirmed bool, err error)
	// Load returns the stored posts, in the order of ids.
	Load(ctx context.Context, ids []string) ([]feed.StoredPost, error)
	// PostIDs returns the ids of all posts in undefined order. An id may occur more than once.
	PostIDs(ctx context.Context) iter.Seq2[[]string, error]
}

const (
	defaultPage = 50
	maxPage     = 500
	maxPageSize = 8 << 20 // a page ends once its posts have this many bytes
)

// notConfirmed is the response to a write that the replicas did not confirm in time.
var notConfirmed = problem{Status: http.StatusAccepted,
	Detail: "The write succeeded, but the replicas have not confirmed it, so a failover could lose it. " +
		"It is safe to repeat the request."}

// entityTag returns the strong entity tag of a stored post (RFC 9110 section 8.8.3).
func entityTag(raw []byte) string { return `"` + string(feed.HashOf(raw)[:32]) + `"` }

// postPath returns the path of a post. It escapes the ids "." and "..", which clients would otherwise resolve as
// relative path segments.
func postPath(site feed.SiteID, id string) string {
	segment := url.PathEscape(id)
	if id == "." || id == ".." {
		segment = strings.ReplaceAll(id, ".", "%2E")
	}
	return "/sites/" + string(site) + "/posts/" + segment
}

// getPost sends a stored post, byte for byte.
func (h siteHandler) getPost(w http.ResponseWriter, r *http.Request) error {
	c, err := readConditions(r.Header)
	if err != nil {
		return err
	}
	stored, err := h.load(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if stored.Raw == nil {
		return noPost(stored.ID)
	}
	w.Header().Set("ETag", entityTag(stored.Raw))
	if c.noneMatch.matches(stored.Raw) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	// Other programs may have stored something that is not JSON.
	w.Header().Set("Content-Type", "application/octet-stream")
	if json.Valid(stored.Raw) {
		w.Header().Set("Content-Type", "application/json")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(stored.Raw)))
	if r.Method == http.MethodHead {
		return nil
	}
	if _, err := w.Write(stored.Raw); err != nil {
		h.Log.Debug("cannot send the response", "error", err)
	}
	return nil
}

func (h siteHandler) load(ctx context.Context, id string) (feed.StoredPost, error) {
	if err := intake.CheckID(id); err != nil {
		return feed.StoredPost{ID: id}, nil // no post can have this id
	}
	stored, err := h.Posts.Load(ctx, []string{id})
	if err != nil || len(stored) != 1 {
		return feed.StoredPost{ID: id}, err
	}
	return stored[0], nil
}

func noPost(id string) error {
	return problem{Status: http.StatusNotFound, Detail: fmt.Sprintf("There is no post with id %q.", id)}
}

// putPost stores the post in the body under the id in the path.
func (h siteHandler) putPost(w http.ResponseWriter, r *http.Request) error {
	if bodyType(r.Header) != typeJSON {
		return problem{Status: http.StatusUnsupportedMediaType, Detail: "A post must be sent as " +
			"application/json, or without a Content-Type."}
	}
	raw, err := readPost(w, r)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	return h.store(w, r, id, withID(id, raw))
}

// withID returns raw with an "id" member added if the post has none, so that a stored post is complete by itself.
func withID(id string, raw []byte) []byte {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil || members == nil {
		return raw // CheckPost reports the error
	}
	quoted, err := json.Marshal(id)
	if _, has := members["id"]; has || err != nil {
		return raw
	}
	out := append([]byte(`{"id": `), quoted...)
	if len(members) > 0 {
		out = append(out, ", "...)
	}
	return append(out, bytes.TrimLeft(raw[1:], " \t\r\n")...)
}

// store stores one post if the request's preconditions hold.
func (h siteHandler) store(w http.ResponseWriter, r *http.Request, id string, raw []byte) error {
	c, err := readConditions(r.Header)
	if err != nil {
		return err
	}
	if err := h.CheckPost(id, raw); err != nil {
		return err
	}
	status := http.StatusOK
	confirmed, err := h.Posts.Update(r.Context(), id, func(current []byte) ([]byte, error) {
		status = http.StatusOK
		if current == nil {
			status = http.StatusCreated
		}
		return raw, c.check(current)
	})
	if err != nil {
		return err
	}
	h.Log.Info("post stored", "writer", tokenName(r), "post", id, "confirmed", confirmed)
	w.Header().Set("ETag", entityTag(raw))
	w.Header().Set("Location", postPath(h.ID, id))
	if !confirmed {
		h.fail(w, notConfirmed)
		return nil
	}
	h.json(w, status, "application/json", map[string]string{"id": id})
	return nil
}

// deletePost deletes a post. It also confirms the deletion of a post that is missing from the store but still
// published.
func (h siteHandler) deletePost(w http.ResponseWriter, r *http.Request) error {
	c, err := readConditions(r.Header)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	stored, err := h.load(r.Context(), id)
	if err != nil {
		return err
	}
	if stored.Raw == nil && stored.Item == nil {
		return h.confirmLoss(r, id, c)
	}
	confirmed, err := h.Posts.Update(r.Context(), id, func(current []byte) ([]byte, error) {
		return nil, c.check(current)
	})
	if err != nil {
		return err
	}
	h.Log.Info("post deleted", "writer", tokenName(r), "post", id, "confirmed", confirmed)
	if !confirmed {
		h.fail(w, notConfirmed)
		return nil
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// confirmLoss confirms the deletion of a post that does not exist, as 'feedpub post delete' does: the post may have
// been lost, and a feed that contained it is held until the deletion is confirmed. The response is still 404.
func (h siteHandler) confirmLoss(r *http.Request, id string, c conditions) error {
	if intake.CheckID(id) != nil || c.check(nil) != nil {
		return noPost(id)
	}
	_, err := h.Posts.Update(r.Context(), id, func(current []byte) ([]byte, error) {
		if current != nil {
			return nil, fmt.Errorf("post %q was written while it was deleted: %w", id, feed.ErrStale)
		}
		return nil, nil
	})
	if err != nil {
		return err
	}
	h.Log.Info("loss of a post confirmed", "writer", tokenName(r), "post", id)
	return noPost(id)
}

// listedPost is an entry in the list of posts.
type listedPost struct {
	ID   string `json:"id"`
	ETag string `json:"etag"`
	// Post is the stored post, or nil if it is not JSON.
	Post json.RawMessage `json:"post,omitempty"`
}

// listPosts sends a page of the posts, ordered by id. Every page scans all ids, since the store does not order them;
// use 'feedpub export' to read all posts.
func (h siteHandler) listPosts(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	limit, err := strconv.Atoi(cmp.Or(query.Get("limit"), strconv.Itoa(defaultPage)))
	if err != nil || limit < 1 || limit > maxPage {
		return fmt.Errorf("limit %q: want 1 to %d: %w", query.Get("limit"), maxPage, feed.ErrInvalid)
	}
	after := query.Get("cursor")
	ids, err := h.firstIDs(r.Context(), after, limit+1)
	if err != nil {
		return err
	}
	more := len(ids) > limit
	page, last, err := h.page(r.Context(), ids[:min(limit, len(ids))])
	if err != nil {
		return err
	}
	if last != "" {
		after, more = last, more || last != ids[min(limit, len(ids))-1]
	}
	answer := map[string]any{"posts": page}
	if more {
		next := url.Values{"cursor": {after}, "limit": {strconv.Itoa(limit)}}
		link := "/sites/" + string(h.ID) + "/posts?" + next.Encode()
		w.Header().Set("Link", "<"+link+`>; rel="next"`)
		answer["next"] = link
	}
	h.json(w, http.StatusOK, "application/json", answer)
	return nil
}

// page loads posts until they exceed maxPageSize. last is the last id that was loaded, or empty if ids is empty.
func (h siteHandler) page(ctx context.Context, ids []string) (page []listedPost, last string, err error) {
	const piece = 8 // posts of at most 1 MiB each
	page = []listedPost{}
	size := 0
	for chunk := range slices.Chunk(ids, piece) {
		stored, err := h.Posts.Load(ctx, chunk)
		if err != nil {
			return nil, "", err
		}
		for _, s := range stored {
			if s.Raw == nil {
				continue // deleted in the meantime
			}
			listed := listedPost{ID: s.ID, ETag: entityTag(s.Raw)}
			if json.Valid(s.Raw) {
				listed.Post = s.Raw
			}
			size += len(s.Raw)
			page = append(page, listed)
		}
		if last = chunk[len(chunk)-1]; size >= maxPageSize {
			break
		}
	}
	return page, last, nil
}

// firstIDs returns the n smallest ids that sort after the given one, in order.
func (h siteHandler) firstIDs(ctx context.Context, after string, n int) ([]string, error) {
	var first []string
	for batch, err := range h.Posts.PostIDs(ctx) {
		if err != nil {
			return nil, err
		}
		for _, id := range batch {
			if id > after && (len(first) < n || id < first[n-1]) {
				if i, found := slices.BinarySearch(first, id); !found {
					first = slices.Insert(first, i, id)
					first = first[:min(n, len(first))]
				}
			}
		}
	}
	return first, nil
}

// readPost reads a post's JSON from the body.
func readPost(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, intake.MaxSize))
	if err != nil {
		return nil, bodyError(err)
	}
	return trimPost(raw), nil
}

// bodyError returns err if the body is too long. Otherwise the body was cut off, and bodyError returns an error of kind
// [feed.ErrInvalid].
func bodyError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return err
	}
	return fmt.Errorf("read body: %w", feed.ErrInvalid)
}

// trimPost removes white space and a byte order mark around JSON.
func trimPost(raw []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(raw, []byte("\ufeff")))
}

// Content types of request bodies.
const (
	typeJSON  = "application/json"
	typeLines = "application/x-ndjson"
)

// bodyType returns typeJSON, typeLines, or "" for other types. A missing Content-Type means typeJSON.
func bodyType(header http.Header) string {
	contentType := header.Get("Content-Type")
	if contentType == "" {
		return typeJSON
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	switch mediaType {
	case typeJSON, "application/feed+json":
		return typeJSON
	case typeLines, "application/jsonl": // both types are in use, but neither is registered
		return typeLines
	default:
		return ""
	}
}
