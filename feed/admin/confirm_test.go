package admin

import "testing"

// TestDeleteConfirmsLoss checks that DELETE of a post that does not exist is recorded: a feed from which the post
// vanished is held until the deletion is confirmed.
func TestDeleteConfirmsLoss(t *testing.T) {
	for _, test := range []struct {
		name   string
		header []string
		want   bool
	}{
		{"plain", []string{bearer}, true},
		{"condition fails", []string{bearer, `If-Match: "x"`}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, f := writers(t, nil)
			updated := false
			f.meanwhile = func() { updated = true }
			if res := ask(t, c, "DELETE", "/sites/main/posts/lost", "", test.header...); res.StatusCode != 404 {
				t.Errorf("DELETE: %d, want 404", res.StatusCode)
			}
			if updated != test.want {
				t.Errorf("the deletion was recorded: %t, want %t", updated, test.want)
			}
		})
	}
}
