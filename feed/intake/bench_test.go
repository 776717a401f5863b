package intake_test

import (
	"testing"

	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/intake"
	"feedpub/feed/posttest"
)

func BenchmarkItem(b *testing.B) {
	reader, err := attribution.New(attribution.Options{})
	if err != nil {
		b.Fatal(err)
	}
	site := feed.Site{ID: "main", Language: "en", HomeURL: "https://blog.example/"}
	var raw []feed.RawPost
	for p := range posttest.All(200) {
		raw = append(raw, p)
	}
	for name, in := range map[string]*intake.Intake{"read": intake.New(site, reader), "unread": intake.New(site, nil)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				p := raw[i%len(raw)]
				if _, err := in.Item(p.ID, p.Raw, feed.Record{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
