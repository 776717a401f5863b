package intake

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"

	"feedpub/feed"
)

// Deleted is no status that a post can have: posts are deleted by removing them. But whoever writes it doesn't want
// the post to be shown, and [StatusOf] says so.
const Deleted feed.Status = "deleted"

var statusMember = regexp.MustCompile(`"status"\s*:\s*"([A-Za-z ]*)"`)

// StatusOf returns whether a post that [Decode] refuses may go on being shown: Draft, Private or [Deleted] if it can be
// read as that, else Published. In JSON the member of the whole post counts; where the syntax is broken, that of any
// object: a post withheld by mistake can be published later, but one shown by mistake can't be taken back.
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
