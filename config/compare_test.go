package config_test

import (
	"time"

	"feedpub/config"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// equateUnexported compares configuration types that have unexported fields.
var equateUnexported = cmp.Options{
	cmp.AllowUnexported(config.Secret{}, config.RedisURL{}),
	cmp.Comparer(func(a, b config.Zone) bool { return a.String() == b.String() }),
	cmp.Comparer(func(a, b config.Date) bool { return a.Equal(b.Time) }),
	cmp.Comparer(func(a, b config.Network) bool { return a == b }),
	cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }),
}

func sortStrings(less func(a, b string) bool) cmp.Option { return cmpopts.SortSlices(less) }
