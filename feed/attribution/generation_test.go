package attribution

import "testing"

// generationSum is the hash of the built-in tables of [Generation].
const generationSum = "edd0027c7e726ecc"

// TestGeneration checks that the built-in tables do not change unnoticed: a change must not reach published items
// before their site is upgraded.
func TestGeneration(t *testing.T) {
	sum, err := builtInSum()
	if err != nil {
		t.Fatal(err)
	}
	if sum != generationSum {
		t.Errorf("the hash of the built-in tables is %s, want %s of generation %d. If that generation has been released, "+
			"increment Generation and add a rendering version for it in package publish. Then set generationSum to %[1]s.",
			sum, generationSum, Generation)
	}
}
