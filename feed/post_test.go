package feed

import "testing"

func TestSourceLabel(t *testing.T) {
	ann := []Author{{Name: "Ann Reed"}, {Name: "Paul Ross"}}
	tests := []struct {
		source Source
		want   string
	}{
		{Source{Publication: "The Times", Headline: "Sand", Authors: ann, URL: "https://times.example/"}, "The Times"},
		{Source{Headline: "Sand", Authors: ann, URL: "https://times.example/"}, "Sand"},
		{Source{Authors: ann, URL: "https://times.example/"}, "Ann Reed"},
		{Source{URL: "https://times.example/"}, "https://times.example/"},
		{Source{}, "a source without a name"},
	}
	for _, tt := range tests {
		if got := tt.source.Label(); got != tt.want {
			t.Errorf("%+v: label %q, want %q", tt.source, got, tt.want)
		}
	}
}
