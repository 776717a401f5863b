package intake

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"

	"feedpub/feed"
)

// Deleted is returned by [StatusOf] for a post whose status is "deleted". It is not a valid status: posts are deleted
// by removing them.
const Deleted feed.Status = "deleted"

var statusMember = regexp.MustCompile(`"status"\s*:\s*"([A-Za-z ]*)"`)

// StatusOf returns the status of a post that [Decode] rejects: Draft, Private or [Deleted] if the post has that status,
// otherwise Published. In valid JSON it reads the status member of the post. In invalid JSON it uses a status member of
// any object, because publishing a draft by mistake cannot be undone.
func StatusOf(raw []byte) feed.Status {
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) == nil {
		var status string
		if json.Unmarshal(members["status"], &status) != nil {
			return feed.Published
		}
		return readStatus(status)
	}
	for _, match := range statusMember.FindAllSubmatch(raw, -1) {
		if status := readStatus(string(match[1])); status != feed.Published {
			return status
		}
	}
	return feed.Published
}

func readStatus(s string) feed.Status {
	status := feed.Status(strings.ToLower(strings.TrimSpace(s)))
	if status == feed.Draft || status == feed.Private || status == Deleted {
		return status
	}
	return feed.Published
}
