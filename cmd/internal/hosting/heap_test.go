package hosting

import "testing"

func TestHeapGrowth(t *testing.T) {
	const mib = 1 << 20
	for _, test := range []struct {
		name            string
		live, documents int64 // MiB
		want            int
	}{
		{"a blog", 20, 1, 96},
		{"a platform", 700, 550, 38},
		{"documents loaded since the last collection", 0, 1000, 26},
		{"no documents", 100, 0, 100},
		{"a large folder", 700, 100, 38},
	} {
		if got := heapGrowth(test.live*mib, test.documents*mib); got != test.want {
			t.Errorf("%s: the heap may grow by %d %%, want %d %%", test.name, got, test.want)
		}
	}
}
